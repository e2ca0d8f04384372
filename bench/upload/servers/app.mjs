// The page's server: the bundled pages, and a stand-in of the API for each contender. It signs nothing and waits for
// nothing, so that no contender is slowed by it; ours answers by the contract of Slipway's own API.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { obey } from "./control.mjs";

const out = join(dirname(fileURLToPath(import.meta.url)), "../out");
const MIB = 1024 * 1024;
/** Contract of the API: parts signed in one call, at most. */
const SIGNED_AT_ONCE = 32;
const LIFE_MS = 900_000;

const runs = new Map();
const videos = new Map();
let storeOrigin = "";

function runOf(name) {
  let run = runs.get(name);
  if (run === undefined) {
    run = { requests: 0, expiresFirst: false, seen: new Set(), md5s: null };
    runs.set(name, run);
  }
  return run;
}

/** With `expiresFirst`, the first URL of each part is one whose time is over. */
function sign(name, key, query = {}) {
  const run = runOf(name);
  const parameters = new URLSearchParams(query);
  const what = `${key}?${parameters}`;
  if (run.expiresFirst && !run.seen.has(what)) parameters.set("expired", "1");
  run.seen.add(what);
  // About as long as a presigned URL of S3.
  parameters.set("X-Amz-Signature", "0".repeat(400));
  return `${storeOrigin}/r/${name}/${encodeURIComponent(key)}?${parameters}`;
}

// Slipway's API

function partSize(size) {
  return Math.min(Math.max(Math.ceil(Math.ceil(size / 6) / MIB) * MIB, 5 * MIB), 16 * MIB);
}

function signed(video, numbers) {
  return {
    server_time: new Date().toISOString(),
    parts: numbers.map((number) => ({
      part_number: number,
      size_bytes: Math.min(video.partSize, video.size - (number - 1) * video.partSize),
      url: sign(video.run, video.id, { partNumber: String(number), uploadId: "bench" }),
      expires_at: new Date(Date.now() + LIFE_MS).toISOString(),
    })),
  };
}

function videoOut(video, status) {
  return {
    id: video.id,
    status,
    original_filename: video.name,
    size_bytes: video.size,
    content_type: "video/mp4",
    created_at: new Date(video.at).toISOString(),
  };
}

function slipway(name, path, body) {
  if (path === "/api/v1/videos") {
    const id = `v-${name}-${videos.size}`;
    const video = {
      id,
      run: name,
      name: body.filename,
      size: body.size_bytes,
      partSize: partSize(body.size_bytes),
      at: Date.now(),
    };
    videos.set(id, video);
    const count = Math.ceil(video.size / video.partSize);
    const numbers = Array.from({ length: Math.min(count, SIGNED_AT_ONCE) }, (_, index) => index + 1);
    return {
      video: videoOut(video, "uploading"),
      upload: {
        part_size_bytes: video.partSize,
        part_count: count,
        expires_at: new Date(Date.now() + 86_400_000).toISOString(),
        ...signed(video, numbers),
      },
    };
  }
  const [, id, what] = /^\/api\/v1\/videos\/([^/]+)\/?(.*)$/.exec(path) ?? [];
  const video = videos.get(id);
  if (video === undefined) return null;
  if (what === "parts") return signed(video, body.part_numbers);
  if (what === "complete") runOf(name).md5s = { partSize: video.partSize, parts: body.parts };
  return videoOut(video, "processing");
}

// what the others' documentation asks a server to do

function bench(name, path, body) {
  const key = body.key ?? "file";
  switch (path) {
    case "/bench/sign": {
      const query = {};
      if (body.uploadId) query.uploadId = body.uploadId;
      if (body.partNumber) query.partNumber = String(body.partNumber);
      return { url: sign(name, key, query) };
    }
    case "/bench/create":
      return { key, uploadId: "bench" };
    case "/bench/complete":
      return { location: `${storeOrigin}/${key}` };
    case "/bench/better-upload":
      return betterUpload(name, body.files[0]);
    default:
      return null;
  }
}

/** The shape of @better-upload/server 3 with multipart switched on for what is large, in its parts of 50 MiB. */
function betterUpload(name, file) {
  const objectInfo = { key: file.name, metadata: {}, acl: undefined };
  const size = 50 * MIB;
  const told = { ...file, objectInfo };
  if (file.size <= 100_000_000)
    return { files: [{ signedUrl: sign(name, file.name), file: told, headers: {} }], metadata: {} };
  const parts = Array.from({ length: Math.ceil(file.size / size) }, (_, index) => ({
    partNumber: index + 1,
    size: Math.min(size, file.size - index * size),
    signedUrl: sign(name, file.name, { partNumber: String(index + 1), uploadId: "bench" }),
  }));
  return {
    multipart: {
      partSize: size,
      files: [
        {
          file: told,
          parts,
          uploadId: "bench",
          completeSignedUrl: sign(name, file.name, { uploadId: "bench", complete: "1" }),
          abortSignedUrl: sign(name, file.name, { uploadId: "bench", abort: "1" }),
        },
      ],
    },
    metadata: {},
  };
}

const POLICY = {
  max_size_bytes: 2048 * MIB,
  presign_ttl_seconds: LIFE_MS / 1000,
  server_time: new Date().toISOString(),
  containers: [
    { container: "mp4", extensions: [".mp4"], content_types: ["video/mp4"], family: "isobmff" },
  ],
  part_plan: {
    min_part_bytes: 5 * MIB,
    max_part_bytes: 16 * MIB,
    part_bytes_multiple: MIB,
    wanted_parts: 6,
  },
  max_parts_per_signing: SIGNED_AT_ONCE,
};

const PAGE = (contender) => `<!doctype html><title>${contender}</title><link rel="icon" href="data:,">
<input type="file"><script type="module" src="/out/${contender}.js"></script>`;

function send(response, status, type, body) {
  response.writeHead(status, { "Content-Type": type, "Content-Length": Buffer.byteLength(body) });
  response.end(body);
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const url = new URL(request.url, "http://app");
  const path = url.pathname;
  if (request.method === "GET") {
    if (path === "/api/v1/upload-policy")
      return send(response, 200, "application/json", JSON.stringify(POLICY));
    const script = /^\/out\/([a-z0-9.]+\.js)$/.exec(path);
    if (script !== null) return send(response, 200, "text/javascript", readFileSync(join(out, script[1])));
    return send(response, 200, "text/html", PAGE(path.slice(1)));
  }
  // A page's own fetch names the page, and with it the run.
  const name = new URL(request.headers.referer ?? "http://app/?run=unknown").searchParams.get("run");
  runOf(name).requests += 1;
  let text = "";
  request.setEncoding("utf8");
  request.on("data", (chunk) => (text += chunk));
  request.on("end", () => {
    if (request.method === "DELETE" || path === "/api/v1/upload-telemetry")
      return response.writeHead(204).end();
    const body = JSON.parse(text);
    const answer = path.startsWith("/api/v1/") ? slipway(name, path, body) : bench(name, path, body);
    if (answer === null)
      return send(response, 404, "application/json", '{"code":"video_not_found","detail":""}');
    send(response, 200, "application/json", JSON.stringify(answer));
  });
});
const [host, port] = process.argv.slice(2);
server.listen(Number(port ?? 0), host, () => console.log(JSON.stringify({ port: server.address().port })));

obey({
  store: ({ origin }) => {
    storeOrigin = origin;
  },
  expire_first: ({ run }) => {
    runOf(run).expiresFirst = true;
  },
  counts: ({ run }) => ({ requests: runOf(run).requests, md5s: runOf(run).md5s }),
  forget: ({ run }) => {
    runs.delete(run);
    for (const [id, video] of videos) if (video.run === run) videos.delete(id);
  },
});
