// The page is exported as static files and served by the app itself (docs/decisions/0001).
import type { NextConfig } from "next";
import { version } from "./package.json";

const developing = process.env.NODE_ENV === "development";

// `next dev` and `npm run gallery` have the gallery, whose file ends in .dev.tsx. The export has no trace of it.
const gallery = process.env.SLIPWAY_GALLERY === "1";

const config: NextConfig = {
  pageExtensions: developing || gallery ? ["tsx", "ts", "dev.tsx"] : ["tsx", "ts"],
  // `npm run check` checks its types.
  ...(gallery ? { distDir: "gallery", typescript: { ignoreBuildErrors: true } } : {}),
  // `next dev` has no app behind it on the same origin, so it passes API calls on; an export cannot have rewrites.
  ...(developing
    ? {
        rewrites: async () => [
          {
            source: "/api/:path*",
            destination: `${process.env.SLIPWAY_API_ORIGIN ?? "http://127.0.0.1:8000"}/api/:path*`,
          },
        ],
      }
    : { output: "export" as const }),
  experimental: {
    turbopackMinify: !gallery,
    // If a page's payload is missing or stale and the request for it fails, Next loads the whole page and ends the upload.
    staleTimes: { static: Number.POSITIVE_INFINITY },
    // Few large chunks compress better. The first page is 4 KB smaller so. A video's page after it is 9 KB larger, and is
    // fetched once its link is pointed at. The sizes below are those of code before it is minified.
    turbopackChunking: { requestCost: 2_000_000, minChunkSize: 300_000, maxMergeChunkSize: 2_000_000 },
  },
  // Next would remove the slash at the end of the first page's address under PUBLIC_PATH.
  skipTrailingSlashRedirect: true,
  poweredByHeader: false,
  env: { SLIPWAY_VERSION: version },
};

export default config;
