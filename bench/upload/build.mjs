// Bundles one page per contender from its real npm package, and says what each weighs (minified, gzip -9).
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "out");
const engine = join(here, "../../frontend/src/lib/upload");

const PAGES = {
  slipway: "pages/slipway.js",
  uppy6: "pages/uppy6.js",
  uppy5: "uppy5/page.js",
  upchunk: "pages/upchunk.js",
  tus: "pages/tus.js",
  better: "pages/better.js",
  xhr: "pages/xhr.js",
};

/** The library alone, as a page would import it. A string is a file, an object the imports to keep. */
const WEIGHED = {
  slipway: { from: engine, text: 'export { createBrowserUploader } from "./browser/browser-upload";' },
  uppy6: {
    from: here,
    text: 'export { default as Uppy } from "@uppy/core"; export { default as AwsS3 } from "@uppy/aws-s3";',
  },
  uppy5: {
    from: join(here, "uppy5"),
    text: 'export { default as Uppy } from "@uppy/core"; export { default as AwsS3 } from "@uppy/aws-s3";',
  },
  upchunk: { from: here, text: 'export { createUpload } from "@mux/upchunk";' },
  tus: { from: here, text: 'export { Upload } from "tus-js-client";' },
  better: { from: here, text: 'export { uploadFile } from "@better-upload/client";' },
};

const settings = {
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2022",
  platform: "browser",
  define: { "process.env.NODE_ENV": '"production"' },
  logLevel: "error",
};

/** The page's bundler rewrites the worker's URL. Here the worker is a file beside the pages. */
const worker = {
  name: "hasher-worker",
  setup(builds) {
    builds.onLoad({ filter: /browser-upload\.ts$/ }, async ({ path }) => {
      const { readFile } = await import("node:fs/promises");
      const text = await readFile(path, "utf8");
      return { contents: text.replace("./hasher.worker.ts", "./hasher.worker.js"), loader: "ts" };
    });
  },
};

rmSync(out, { recursive: true, force: true });
for (const [name, entry] of Object.entries(PAGES))
  await build({
    ...settings,
    plugins: [worker],
    entryPoints: [join(here, entry)],
    outfile: join(out, `${name}.js`),
  });
await build({
  ...settings,
  entryPoints: [join(engine, "browser/hasher.worker.ts")],
  outfile: join(out, "hasher.worker.js"),
});
await build({
  ...settings,
  platform: "node",
  entryPoints: [join(here, "eta-replay.mjs")],
  outfile: join(out, "eta-replay.mjs"),
});

const weights = {};
for (const [name, { from, text }] of Object.entries(WEIGHED)) {
  const built = await build({
    ...settings,
    stdin: { contents: text, resolveDir: from, loader: "ts" },
    external: ["react"],
    write: false,
  });
  weights[name] = gzipSync(built.outputFiles[0].contents, { level: 9 }).length;
}
writeFileSync(join(out, "weights.json"), `${JSON.stringify(weights)}\n`);
