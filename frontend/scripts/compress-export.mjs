// Writes each text file of the export in br, zstd and gzip beside it, where that is smaller. The app serves them.
import { readdir, readFile, writeFile } from "node:fs/promises";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { init, compress as zstd } from "@bokuweb/zstd-wasm";

const out = fileURLToPath(new URL("../out", import.meta.url));
const TEXT = [".css", ".html", ".js", ".json", ".svg", ".txt", ".webmanifest"];
const CODINGS = {
  ".br": (content) =>
    brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
  // Node has zstd since 22.15 only. Level 19 is the highest that needs no larger window than RFC 9659 allows.
  ".zst": (content) => zstd(content, 19),
  ".gz": (content) => gzipSync(content, { level: 9 }),
};

await init();
for (const name of await readdir(out, { recursive: true })) {
  if (!TEXT.includes(extname(name))) continue;
  const content = await readFile(join(out, name));
  for (const [suffix, compress] of Object.entries(CODINGS)) {
    const compressed = compress(content);
    if (compressed.length < content.length) await writeFile(join(out, name + suffix), compressed);
  }
}
