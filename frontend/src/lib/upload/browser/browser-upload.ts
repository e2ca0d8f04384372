// The engine wired to a browser: XHR, a worker for MD5, fetch, the page's own clock, network and guards.

import type { Clock, Network, UploaderOptions, UploaderPorts } from "../ports";
import type { UploadPolicy } from "../types";
import { Uploader } from "../uploader";
import { createFetchApi } from "./fetch-api";
import { browserGuards } from "./guards";
import { createWorkerHasher } from "./worker-hasher";
import { xhrTransport } from "./xhr-transport";

export function createBrowserUploader(policy: UploadPolicy, options: UploaderOptions = {}): Uploader {
  return new Uploader(browserPorts(), policy, { pageOrigin: location.origin, ...options });
}

export function browserPorts(): UploaderPorts {
  return {
    api: createFetchApi(),
    transport: xhrTransport,
    hasher: createWorkerHasher(
      () => new Worker(new URL("./hasher.worker.ts", import.meta.url), { type: "module" }),
    ),
    clock: browserClock,
    network: browserNetwork,
    guards: browserGuards,
    random: Math.random,
    newId: newUuid,
    browser: navigator.userAgent,
  };
}

const browserNetwork: Network = {
  isOnline: () => navigator.onLine,
  subscribe(listener) {
    const online = () => listener(true);
    const offline = () => listener(false);
    window.addEventListener("online", online);
    window.addEventListener("offline", offline);
    return () => {
      window.removeEventListener("online", online);
      window.removeEventListener("offline", offline);
    };
  },
};

const browserClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** A version 4 UUID (RFC 9562); getRandomValues, unlike randomUUID, needs no secure context. */
export function newUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let hex = "";
  bytes.forEach((byte, index) => {
    const versioned = index === 6 ? (byte & 0x0f) | 0x40 : index === 8 ? (byte & 0x3f) | 0x80 : byte;
    hex += versioned.toString(16).padStart(2, "0");
  });
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}
