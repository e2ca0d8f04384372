// Sends one part with XMLHttpRequest, because fetch cannot report upload progress.
import {
  BLOCKED_BY_POLICY,
  NO_ANSWER,
  type PartAnswer,
  type PartRequest,
  type PartTransport,
} from "../ports";

/** Only the code of a store's error is used. The rest may contain the URL. */
const STORE_CODE = /<Code>([A-Za-z0-9.]{1,64})<\/Code>/;

/** The last address that the page's policy did not allow, or its origin. */
let forbidden = "";
globalThis.addEventListener?.("securitypolicyviolation", ({ blockedURI }) => {
  forbidden = blockedURI;
});

export const xhrTransport: PartTransport = {
  put(request: PartRequest): Promise<PartAnswer> {
    if (request.signal.aborted) return Promise.resolve(NO_ANSWER);
    return new Promise((resolve) => {
      const xhr = new XMLHttpRequest();
      const abort = () => {
        xhr.abort();
        // Firefox fires nothing if it ended the request before, for example because the user left the page and came back.
        end(NO_ANSWER);
      };
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
          storeCode:
            forbidden !== "" && request.url.startsWith(forbidden)
              ? BLOCKED_BY_POLICY
              : (STORE_CODE.exec(xhr.responseText)?.[1] ?? null),
          retryAfterSeconds: retryAfter(xhr.getAllResponseHeaders()),
        });
      request.signal.addEventListener("abort", abort);
      try {
        xhr.open("PUT", request.url);
        // No Content-Type, because a store may refuse an unsigned header.
        if (request.contentMd5 !== null) xhr.setRequestHeader("Content-MD5", request.contentMd5);
        xhr.send(request.body);
      } catch {
        end(NO_ANSWER);
      }
    });
  },
};

/** Null unless the store's CORS rules expose the header. Reading it by its name would log an error. */
function retryAfter(headers: string): number | null {
  const value = /^retry-after:\s*(\d{1,6})\s*$/im.exec(headers)?.[1];
  return value === undefined ? null : Number(value);
}
