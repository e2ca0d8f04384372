// Sends one part by XMLHttpRequest: the only place in the engine that knows it. fetch cannot report upload progress.
import { NO_ANSWER, type PartAnswer, type PartRequest, type PartTransport } from "../ports";

/** An error body of a store is some hundred bytes of XML; its code is all that is kept (the rest may name the URL). */
const STORE_CODE = /<Code>([A-Za-z0-9.]{1,64})<\/Code>/;

export const xhrTransport: PartTransport = {
  put(request: PartRequest): Promise<PartAnswer> {
    if (request.signal.aborted) return Promise.resolve(NO_ANSWER);
    return new Promise((resolve) => {
      const xhr = new XMLHttpRequest();
      const abort = () => xhr.abort();
      const end = (answer: PartAnswer) => {
        request.signal.removeEventListener("abort", abort);
        xhr.upload.onprogress = null;
        xhr.upload.onload = null;
        xhr.onloadend = null;
        resolve(answer);
      };
      xhr.upload.onprogress = (event) => request.onProgress(event.loaded);
      xhr.upload.onload = () => request.onBodySent();
      // Follows load, error, timeout and abort. Without an answer, the status is 0.
      xhr.onloadend = () =>
        end({
          status: xhr.status,
          storeCode: STORE_CODE.exec(xhr.responseText)?.[1] ?? null,
          retryAfterSeconds: retryAfter(xhr.getAllResponseHeaders()),
        });
      request.signal.addEventListener("abort", abort);
      try {
        xhr.open("PUT", request.url);
        // No Content-Type: a slice has none, and an unsigned header is one more reason to refuse.
        if (request.contentMd5 !== null) xhr.setRequestHeader("Content-MD5", request.contentMd5);
        xhr.send(request.body);
      } catch {
        end(NO_ANSWER);
      }
    });
  },
};

/** Readable only where the store's CORS exposes it; asking for it by name would log an error where it does not. */
function retryAfter(headers: string): number | null {
  const value = /^retry-after:\s*(\d{1,6})\s*$/im.exec(headers)?.[1];
  return value === undefined ? null : Number(value);
}
