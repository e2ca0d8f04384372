// The store: answers like S3 and keeps nothing. It counts, and on order it fails. One folder, /r/<run>/, a run.
import { createServer } from "node:http";
import { DataStore, Server as TusServer, Upload } from "@tus/server";
import { obey } from "./control.mjs";

const KIB = 1024;
/** What a silent store reads of a body before it stops: enough for the page to hear of progress. */
const READ_BEFORE_SILENCE = 256 * KIB;

const CORS = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "ETag, Location, Retry-After",
};
const PREFLIGHT = {
  ...CORS,
  "Access-Control-Allow-Methods": "GET, PUT, POST, DELETE, HEAD, PATCH",
  "Access-Control-Allow-Headers": "*",
  "Access-Control-Max-Age": "3600",
};

const runs = new Map();

function runOf(name) {
  let run = runs.get(name);
  if (run === undefined) {
    run = {
      bytes: 0,
      // Of bodies that arrived whole and were taken.
      stored: 0,
      requests: 0,
      preflights: 0,
      refused: 0,
      firstByteAt: null,
      lastByteAt: null,
      fault: null,
      faultSince: null,
      isFaultSpent: false,
      tus: null,
    };
    runs.set(name, run);
  }
  return run;
}

/** `socket` and `pause` let a fault strike inside the body. */
function took(run, length, socket, pause) {
  const now = Date.now();
  run.bytes += length;
  run.firstByteAt ??= now;
  run.lastByteAt = now;
  const { fault } = run;
  if (fault === null || run.isFaultSpent) return;
  if (fault.kind === "reset_once" && run.bytes >= fault.after_bytes) {
    run.isFaultSpent = true;
    socket.resetAndDestroy();
  }
  if (fault.kind === "silence" && run.bytes >= READ_BEFORE_SILENCE) {
    run.isFaultSpent = true;
    pause();
  }
}

/** True while an outage that began with the first request lasts. */
function isOut(run) {
  const { fault } = run;
  if (fault === null || !(fault.kind === "connection_error" || fault.kind === "status")) return false;
  run.faultSince ??= Date.now();
  return Date.now() - run.faultSince < fault.seconds * 1000;
}

function xml(response, status, body, headers = {}) {
  response.writeHead(status, {
    ...CORS,
    "Content-Type": "application/xml",
    "Content-Length": Buffer.byteLength(body),
    ...headers,
  });
  response.end(body);
}

const errorBody = (code, message) =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>${message}</Message></Error>`;

const ERRORS = {
  500: errorBody("InternalError", "We encountered an internal error. Please try again."),
  503: errorBody("SlowDown", "Please reduce your request rate."),
  429: errorBody("TooManyRequests", "Please reduce your request rate."),
};

function answer(request, response, url) {
  const key = url.pathname.split("/").slice(3).join("/");
  const uploadId = url.searchParams.get("uploadId");
  if (request.method === "PUT") return xml(response, 200, "", { ETag: '"5eb63bbbe01eeed093cb22bb8f5acdc3"' });
  if (request.method === "DELETE") return xml(response, 204, "");
  if (uploadId === null)
    return xml(
      response,
      200,
      `<InitiateMultipartUploadResult><Bucket>bench</Bucket><Key>${key}</Key><UploadId>bench</UploadId></InitiateMultipartUploadResult>`,
    );
  return xml(
    response,
    200,
    `<CompleteMultipartUploadResult><Location>http://store/${key}</Location><Bucket>bench</Bucket><Key>${key}</Key><ETag>"bench-1"</ETag></CompleteMultipartUploadResult>`,
  );
}

function handle(request, response) {
  const url = new URL(request.url, "http://store");
  const name = url.pathname.split("/")[2] ?? "";
  const run = runOf(name);
  const isPreflight = request.method === "OPTIONS";
  if (isPreflight) run.preflights += 1;
  else run.requests += 1;
  if (isOut(run) && (run.fault.kind === "connection_error" || !isPreflight)) {
    run.refused += 1;
    if (run.fault.kind === "connection_error") return request.socket.resetAndDestroy();
    request.resume();
    request.on("end", () => xml(response, run.fault.status, ERRORS[run.fault.status]));
    return;
  }
  if (url.pathname.split("/")[3] === "tus") {
    run.tus ??= new TusServer({ path: `/r/${name}/tus`, datastore: new TusSink(run) });
    return run.tus.handle(request, response);
  }
  if (isPreflight) {
    response.writeHead(204, PREFLIGHT);
    return response.end();
  }
  const counts = request.method === "PUT";
  let length = 0;
  request.on("data", (chunk) => {
    length += chunk.length;
    if (counts) took(run, chunk.length, request.socket, () => request.pause());
  });
  request.on("end", () => {
    if (url.searchParams.get("expired") === "1") {
      run.refused += 1;
      return xml(response, 403, errorBody("AccessDenied", "Request has expired"));
    }
    if (counts) run.stored += length;
    answer(request, response, url);
  });
  request.on("error", () => undefined);
}

/** tus's own storage port: takes bytes and forgets them, as the S3 side does. */
class TusSink extends DataStore {
  extensions = ["creation"];
  offsets = new Map();

  constructor(run) {
    super();
    this.run = run;
  }

  async create(upload) {
    this.offsets.set(upload.id, { offset: 0, size: upload.size });
    return upload;
  }

  write(stream, id, offset) {
    const state = this.offsets.get(id);
    let at = offset;
    return new Promise((resolve, reject) => {
      let isSilent = false;
      stream.on("data", (chunk) => {
        at += chunk.length;
        state.offset = at;
        this.run.stored = at;
        took(this.run, chunk.length, { resetAndDestroy: () => stream.destroy(new Error("reset")) }, () => {
          isSilent = true;
          stream.pause();
        });
      });
      stream.on("end", () => resolve(at));
      stream.on("close", () => isSilent || resolve(at));
      stream.on("error", reject);
    });
  }

  async getUpload(id) {
    const state = this.offsets.get(id);
    return new Upload({ id, size: state.size, offset: state.offset, metadata: {} });
  }
}

/** Connections of exponential life, or null. The same seed gives the same lives in the order of the connections. */
let lives = null;

function randomFrom(seed) {
  let state = seed >>> 0;
  // mulberry32
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function endAfterItsLife(socket) {
  if (lives === null) return;
  const milliseconds = -Math.log(1 - lives.random()) * lives.meanSeconds * 1000;
  const timer = setTimeout(() => socket.resetAndDestroy(), milliseconds);
  socket.on("close", () => clearTimeout(timer));
}

const server = createServer({ requestTimeout: 0, headersTimeout: 60_000, keepAliveTimeout: 60_000 }, handle);
server.on("connection", endAfterItsLife);
server.on("clientError", (_, socket) => socket.destroy());
const [host, port] = process.argv.slice(2);
server.listen(Number(port ?? 0), host, () => console.log(JSON.stringify({ port: server.address().port })));

obey({
  lives: ({ mean_seconds: meanSeconds, seed }) => {
    lives = { meanSeconds, random: randomFrom(seed) };
  },
  fault: ({ run, fault }) => {
    runOf(run).fault = fault;
  },
  counts: ({ run }) => {
    const { tus, ...counts } = runOf(run);
    return { ...counts, now: Date.now() };
  },
  forget: ({ run }) => {
    runs.delete(run);
  },
});
