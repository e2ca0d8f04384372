// A store whose answers and speed a test decides.
import { hexToBase64 } from "../hash-ahead";
import { NO_ANSWER, type PartAnswer, type PartRequest, type PartTransport } from "../ports";
import { type FakeClock, T0 } from "./fake-clock";
import { isFromFile, rangeOf } from "./fake-file";
import { MIB } from "./policy";
import { watchSignal } from "./signals";

export type Fault =
  | { readonly kind: "ok" }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly code?: string;
      readonly retryAfter?: number;
      /** How much of the body the store took before it answered. */
      readonly at?: number;
    }
  /** The connection breaks after this share of the body. */
  | { readonly kind: "reset"; readonly at: number }
  /** Progress up to this share of the body, then silence for ever. */
  | { readonly kind: "stall"; readonly at: number }
  /** The body is taken, the answer never comes. */
  | { readonly kind: "mute" };

/** Something that takes bodies and sends them on over one link, one after another or all together. */
export interface Relay {
  readonly bytesPerSecond: number;
  readonly isSerial: boolean;
}

export interface Attempt {
  readonly part: number;
  /** 1 for the part's first. */
  readonly attempt: number;
  readonly urlSerial: number;
  readonly isExpired: boolean;
  readonly at: number;
  readonly contentMd5: string | null;
  readonly isSlice: boolean;
}

export class FakeStore implements PartTransport {
  /** Of each connection, or of the line they share. */
  bytesPerSecond = 8 * MIB;
  lineBytesPerSecond: number | null = null;
  relay: Relay | null = null;
  private readonly relayed = new Set<object>();
  /** Nothing moves and nothing breaks before this moment. */
  frozenUntil = 0;
  answerMs = 20;
  checksMd5 = true;
  /** A browser reports progress at most this often, and at the end. */
  progressEveryMs = 0;
  fault: (attempt: Attempt) => Fault = () => ({ kind: "ok" });
  readonly attempts: Attempt[] = [];
  /** The last acknowledged range of each part, and its MD5. */
  readonly parts = new Map<number, { start: number; end: number; md5: string }>();
  expiredInRelay = 0;
  /** The answer to a body that is shorter than the part. */
  probe: (attempt: Attempt) => number = (attempt) =>
    this.parts.size > 0 || this.fault(attempt).kind === "ok" ? 403 : 0;
  readonly probes: number[] = [];
  open = 0;
  mostOpen = 0;
  private readonly counts = new Map<number, number>();

  constructor(private readonly clock: FakeClock) {}

  async put(request: PartRequest): Promise<PartAnswer> {
    const url = new URL(request.url);
    const part = Number(url.searchParams.get("partNumber"));
    const attempt: Attempt = {
      part,
      attempt: (this.counts.get(part) ?? 0) + 1,
      urlSerial: Number(url.searchParams.get("serial")),
      isExpired: this.clock.trueNow() >= Number(url.searchParams.get("expires")),
      at: this.clock.trueNow() - T0,
      contentMd5: request.contentMd5,
      isSlice: !(request.body instanceof Uint8Array),
    };
    if (request.body instanceof Uint8Array && !isFromFile(request.body)) {
      this.probes.push(request.body.length);
      return { ...NO_ANSWER, status: this.probe(attempt) };
    }
    this.counts.set(part, attempt.attempt);
    this.attempts.push(attempt);
    this.open += 1;
    this.mostOpen = Math.max(this.mostOpen, this.open);
    watchSignal(request.signal);
    try {
      return await this.answer(request, attempt);
    } finally {
      this.open -= 1;
    }
  }

  private async answer(request: PartRequest, attempt: Attempt): Promise<PartAnswer> {
    const { start, end, md5 } = rangeOf(request.body);
    const size = end - start;
    const given = this.fault(attempt);
    const fault: Fault =
      given.kind === "ok" && attempt.isExpired
        ? { kind: "status", status: 403, code: "AccessDenied", at: 0 }
        : given;
    const share = fault.kind === "ok" || fault.kind === "mute" ? 1 : (fault.at ?? 1);
    let reportedAt = this.clock.trueNow();
    for (let sent = 0; sent < size * share; ) {
      if (!(await this.pass(Math.max(0, this.frozenUntil - this.clock.trueNow()), request.signal)))
        return NO_ANSWER;
      const rate =
        this.lineBytesPerSecond === null ? this.bytesPerSecond : this.lineBytesPerSecond / this.open;
      const bytes = Math.min(size * share - sent, rate / 4);
      if (!(await this.pass((bytes / rate) * 1000, request.signal))) return NO_ANSWER;
      sent += bytes;
      if (this.clock.trueNow() - reportedAt < this.progressEveryMs) continue;
      reportedAt = this.clock.trueNow();
      request.onProgress(Math.floor(sent));
    }
    if (share === 1 && fault.kind !== "reset") {
      request.onProgress(size);
      request.onBodySent();
    }
    if (fault.kind === "stall" || fault.kind === "mute") {
      await this.pass(null, request.signal);
      return NO_ANSWER;
    }
    if (fault.kind === "reset") return NO_ANSWER;
    if (this.relay !== null) {
      const sentOnAt = await this.sendOn(size, this.relay, request.signal);
      if (sentOnAt === null) return NO_ANSWER;
      if (sentOnAt >= Number(new URL(request.url).searchParams.get("expires"))) {
        this.expiredInRelay += 1;
        return { status: 403, storeCode: "AccessDenied", retryAfterSeconds: null };
      }
    }
    if (!(await this.pass(this.answerMs, request.signal))) return NO_ANSWER;
    if (fault.kind === "status")
      return {
        status: fault.status,
        storeCode: fault.code ?? null,
        retryAfterSeconds: fault.retryAfter ?? null,
      };
    if (this.checksMd5 && attempt.contentMd5 !== null && attempt.contentMd5 !== hexToBase64(md5))
      return { status: 400, storeCode: "BadDigest", retryAfterSeconds: null };
    this.parts.set(attempt.part, { start, end, md5 });
    return { status: 200, storeCode: null, retryAfterSeconds: null };
  }

  /** Returns when the store gets the head of the request. Null if it was aborted meanwhile. */
  private async sendOn(
    size: number,
    { bytesPerSecond, isSerial }: Relay,
    signal: AbortSignal,
  ): Promise<number | null> {
    const request = {};
    let sentOnAt = isSerial ? null : this.clock.trueNow();
    this.relayed.add(request);
    try {
      for (let left = size; left > 0; ) {
        if (!(await this.pass(250, signal))) return null;
        const isFirst = this.relayed.values().next().value === request;
        if (isSerial && isFirst) sentOnAt ??= this.clock.trueNow();
        const sharing = isSerial ? 1 : this.relayed.size;
        if (!isSerial || isFirst) left -= bytesPerSecond / 4 / sharing;
      }
      return sentOnAt;
    } finally {
      this.relayed.delete(request);
    }
  }

  /** False when the request was aborted meanwhile. */
  private pass(ms: number | null, signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return Promise.resolve(false);
    return new Promise((resolve) => {
      const settle = (passed: boolean) => {
        cancel();
        signal.removeEventListener("abort", onAbort);
        resolve(passed);
      };
      const onAbort = () => settle(false);
      const cancel = ms === null ? () => undefined : this.clock.after(ms, () => settle(true));
      signal.addEventListener("abort", onAbort);
    });
  }
}
