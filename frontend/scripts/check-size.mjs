// Fails if a page names more JavaScript than it may. `compress-export.mjs` has run before.
import { readFileSync, statSync } from "node:fs";

/** In thousands of bytes, in Brotli. The upload engine is fetched after these scripts. */
const LIMITS = { index: 175, login: 150 };

for (const [page, limit] of Object.entries(LIMITS)) {
  const html = readFileSync(`out/${page}.html`, "utf8");
  // A browser that knows modules loads no `noModule` script.
  const named = [...html.matchAll(/<script src="([^"]+)"(?! noModule)/g)].map(([, address]) => address);
  const sizes = [...new Set(named)].map((address) => statSync(`out${address}.br`).size);
  const total = sizes.reduce((sum, size) => sum + size, 0) / 1000;
  if (sizes.length === 0 || total > limit)
    throw new Error(`${page}.html loads ${total.toFixed(1)} KB of JavaScript, of ${limit}`);
}
