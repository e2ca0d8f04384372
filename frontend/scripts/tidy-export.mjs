// Removes from the export what nobody should be served: the raw sources of workers, which Next copies beside the
// compiled ones.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const media = fileURLToPath(new URL("../out/_next/static/media", import.meta.url));

const files = await readdir(media).catch(() => []);
for (const file of files.filter((name) => /\.tsx?$/.test(name))) {
  await rm(join(media, file));
}
