// The engine wired to a browser: XHR, a worker for MD5, fetch, the page's own clock, network and guards.
import { browserClock } from "./clock";
import { createFetchApi } from "./fetch-api";
import { browserGuards } from "./guards";
import { createWorkerHasher } from "./hasher";
import { newUuid } from "./ids";
import type { Network, UploaderOptions, UploaderPorts } from "./ports";
import type { UploadPolicy } from "./types";
import { createUploader, type Uploader } from "./uploader";
import { xhrTransport } from "./xhr-transport";

export function createBrowserUploader(policy: UploadPolicy, options: UploaderOptions = {}): Uploader {
  return createUploader(browserPorts(), policy, { pageOrigin: location.origin, ...options });
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
