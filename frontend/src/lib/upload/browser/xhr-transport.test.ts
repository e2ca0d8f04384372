import { getEventListeners } from "node:events";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { NO_ANSWER, type PartRequest } from "../ports";
import { xhrTransport } from "./xhr-transport";

/** What the transport uses of XMLHttpRequest, driven by the test. */
class FakeXhr {
  static last: FakeXhr;
  static openThrows = false;
  readonly upload: Record<string, ((event: unknown) => void) | null> = {};
  onloadend: (() => void) | null = null;
  status = 0;
  responseText = "";
  headers = "";
  readonly sent: unknown[] = [];

  constructor() {
    FakeXhr.last = this;
  }

  open(...args: unknown[]): void {
    if (FakeXhr.openThrows) throw new SyntaxError("bad URL");
    this.sent.push(["open", ...args]);
  }

  setRequestHeader(...args: unknown[]): void {
    this.sent.push(["header", ...args]);
  }

  send(body: unknown): void {
    this.sent.push(["send", body]);
  }

  abort(): void {
    this.onloadend?.();
  }

  getAllResponseHeaders(): string {
    return this.headers;
  }

  get handlers(): unknown[] {
    return [this.onloadend, ...Object.values(this.upload)].filter((handler) => handler !== null);
  }
}

const body = new Blob(["abc"]);

function request(overrides: Partial<PartRequest> = {}): PartRequest {
  return {
    url: "https://store.test/x?X-Amz-Signature=s",
    body,
    contentMd5: "kAFQmDzST7DWlj99KOF/cg==",
    signal: new AbortController().signal,
    onProgress: vi.fn(),
    onBodySent: vi.fn(),
    ...overrides,
  };
}

describe("xhrTransport", () => {
  beforeEach(() => {
    FakeXhr.openThrows = false;
    vi.stubGlobal("XMLHttpRequest", FakeXhr);
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("puts the slice with its MD5 and no other header, and lets go of everything", async () => {
    const given = request();
    const answer = xhrTransport.put(given);
    const xhr = FakeXhr.last;
    expect(xhr.sent).toEqual([
      ["open", "PUT", given.url],
      ["header", "Content-MD5", given.contentMd5],
      ["send", body],
    ]);
    xhr.upload.onprogress?.({ loaded: 2 });
    xhr.upload.onload?.({});
    expect(given.onProgress).toHaveBeenCalledWith(2);
    expect(given.onBodySent).toHaveBeenCalledOnce();
    xhr.status = 200;
    xhr.onloadend?.();
    expect(await answer).toEqual({ status: 200, storeCode: null, retryAfterSeconds: null });
    expect(xhr.handlers).toEqual([]);
    expect(getEventListeners(given.signal, "abort")).toEqual([]);
  });

  it("sends no Content-MD5 without a hash", async () => {
    void xhrTransport.put(request({ contentMd5: null }));
    expect(FakeXhr.last.sent.map((call) => (call as string[])[0])).toEqual(["open", "send"]);
  });

  it("reads the store's code and Retry-After, where they can be read", async () => {
    const answer = xhrTransport.put(request());
    const xhr = FakeXhr.last;
    xhr.status = 503;
    xhr.responseText = "<?xml version='1.0'?><Error><Code>SlowDown</Code><Message>no</Message></Error>";
    xhr.headers = "content-type: application/xml\r\nretry-after: 12\r\n";
    xhr.onloadend?.();
    expect(await answer).toEqual({
      status: 503,
      storeCode: "SlowDown",
      retryAfterSeconds: 12,
    });
  });

  it("answers status 0 after an error or a timeout", async () => {
    const answer = xhrTransport.put(request());
    FakeXhr.last.onloadend?.();
    expect(await answer).toMatchObject({ status: 0 });
    expect(FakeXhr.last.handlers).toEqual([]);
  });

  it("ends without an answer with the signal, before and after it started", async () => {
    const controller = new AbortController();
    const answer = xhrTransport.put(request({ signal: controller.signal }));
    controller.abort();
    expect(await answer).toEqual(NO_ANSWER);
    expect(FakeXhr.last.handlers).toEqual([]);
    expect(await xhrTransport.put(request({ signal: controller.signal }))).toEqual(NO_ANSWER);
  });

  it("answers status 0 when the browser refuses to send at all", async () => {
    FakeXhr.openThrows = true;
    expect(await xhrTransport.put(request())).toMatchObject({ status: 0 });
  });
});
