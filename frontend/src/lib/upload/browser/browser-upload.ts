// Creates an uploader for the browser.

import type { BodyMode, Clock, Network, UploaderOptions, UploaderPorts } from "../ports";
import type { UploadPolicy } from "../types";
import { Uploader } from "../uploader";
import { createFetchApi } from "./fetch-api";
import { browserGuards } from "./guards";
import { createWorkerHasher } from "./worker-hasher";
import { xhrTransport } from "./xhr-transport";

let bodyMode: BodyMode | null = null;

export function createBrowserUploader(policy: UploadPolicy, options: UploaderOptions = {}): Uploader {
  return new Uploader(browserPorts(), policy, { pageOrigin: location.origin, ...options });
}

function browserPorts(): UploaderPorts {
  // Every browser on iOS is WebKit. Chromium names WebKit too.
  bodyMode ??= { readsBodies: /AppleWebKit\/(?!.*Chrome\/)/.test(navigator.userAgent) };
  return {
    api: createFetchApi(),
    transport: xhrTransport,
    hasher: createWorkerHasher(
      () => new Worker(new URL("./hasher.worker.ts", import.meta.url), { type: "module" }),
    ),
    clock: browserClock,
    network: browserNetwork,
    guards: browserGuards,
    bodyMode,
    random: Math.random,
    newId: newUuid,
    browser: navigator.userAgent,
  };
}

const browserNetwork: Network = {
  isOnline: () => navigator.onLine,
  subscribe(listener) {
    const controller = new AbortController();
    const { signal } = controller;
    window.addEventListener("online", () => listener(true), { signal });
    window.addEventListener("offline", () => listener(false), { signal });
    return () => controller.abort();
  },
};

const browserClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};

/** Return a version 4 UUID (RFC 9562). crypto.randomUUID does not exist on plain http, for example in a LAN. */
export function newUuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(36));
  // "x" is any hexadecimal digit, "y" one of 8, 9, a and b.
  return "xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx".replace(/[xy]/g, (letter, at) => {
    const digit = (bytes[at] ?? 0) % 16;
    return (letter === "x" ? digit : (digit % 4) + 8).toString(16);
  });
}
