// Fails if the built CSS has syntax that a browser of package.json's browserslist lacks. Vendor prefixes don't count.
import { readdirSync, readFileSync } from "node:fs";
import browserslist from "browserslist";
import { browserslistToTargets, Features, transform } from "lightningcss";

const targets = browserslistToTargets(browserslist());
const chunks = "out/_next/static/chunks";

for (const filename of readdirSync(chunks).filter((name) => name.endsWith(".css"))) {
  const file = { filename, code: readFileSync(`${chunks}/${filename}`), minify: true };
  const lowered = transform({ ...file, targets, exclude: Features.VendorPrefixes }).code.toString();
  const plain = transform(file).code.toString();
  if (lowered === plain) continue;
  const at = [...plain].findIndex((character, index) => character !== lowered[index]);
  throw new Error(
    `${filename} is too new for ${browserslist().join(", ")}: ${plain.slice(at - 40, at + 80)}`,
  );
}
