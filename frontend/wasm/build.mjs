// Compiles md5x4.ts and writes the engine's copy. With --check it only compares the two.
import { readFileSync, writeFileSync } from "node:fs";
import asc from "assemblyscript/asc";

const OPTIONS = ["-O3", "--enable", "simd", "--runtime", "stub", "--noAssert", "--outFile", "md5x4.wasm"];
const copy = new URL("../src/lib/upload/browser/md5x4-wasm.ts", import.meta.url);

let compiled = null;
const { error, stderr } = await asc.main(["md5x4.ts", ...OPTIONS], {
  writeFile: (_, contents) => {
    compiled = Buffer.from(contents).toString("base64");
  },
});
if (error !== null || compiled === null) throw new Error(stderr.toString());
const text = `// Compiled from wasm/md5x4.ts by \`make wasm\`.\nexport const MD5X4_WASM =\n  "${compiled}";\n`;
if (!process.argv.includes("--check")) writeFileSync(copy, text);
else if (readFileSync(copy, "utf8") !== text) {
  process.stderr.write("md5x4-wasm.ts is out of date. Run 'make wasm' and commit the result.\n");
  process.exitCode = 1;
}
