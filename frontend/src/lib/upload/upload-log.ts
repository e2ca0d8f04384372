// Records one upload for the server's metrics and the failure report.
import type { PartAnswer } from "./ports";
import type { ApiFailure } from "./rules/errors";
import type { Part } from "./rules/part-list";
import type { UploadFailure, UploadTelemetry } from "./types";
import type { SignedUrl } from "./url-cache";

/** How one attempt to send a part ended. */
export interface AttemptEnd extends PartAnswer {
  readonly outcome: "sent" | "answered" | "stalled" | "preempted" | "broke";
  /** The browser says that it sent the whole body. */
  readonly isBodySent: boolean;
  /** The watchdog's limit was short, because the network was away or the machine slept. */
  readonly isShortened: boolean;
  readonly url: SignedUrl;
  readonly startedAt: number;
}

/** A report needs the newest notes. Those of an upload of hours must not fill the memory. */
const NOTES_KEPT = 60;

export class UploadLog {
  phase: UploadTelemetry["phase"] = "checking";
  videoId: string | null = null;
  bytesSent = 0;
  partCount = 0;
  /** Named as in the telemetry. `renewals` says how often a part got a new URL. */
  readonly counts = { retries: 0, stalls: 0, renewals: 0, parts_without_md5: 0 };
  clockJumps = 0;
  /** What keeps parts from the store. Undefined if nobody looks for it. */
  block: UploadFailure | null | undefined;
  /** How far the server's clock is ahead of ours. */
  clockOffsetMs: number | null = null;
  #bytesFinished = 0;
  #finishedAt = 0;
  #sendingSince: number | null = null;
  #startedRunAt: number;
  /** What earlier runs of this upload reported. */
  #reported = { ...this.counts };
  readonly #notes: string[] = [];
  /** Numbers of parts. A part that is sent twice counts once. */
  readonly #withoutMd5 = new Set<number>();

  constructor(
    readonly startedAt: number,
    readonly fileSize: number,
    readonly extension: string,
  ) {
    this.#startedRunAt = startedAt;
  }

  /** A run starts. The time between two runs doesn't count, and each part counts once. */
  startRun(now: number): void {
    this.phase = "checking";
    this.block = undefined;
    this.#startedRunAt = now;
    this.#sendingSince = null;
  }

  /** `bytesSent`: what the store has from earlier runs. */
  sending(now: number, bytesSent: number): void {
    this.#sendingSince = now;
    this.#bytesFinished = 0;
    this.bytesSent = bytesSent;
  }

  attempt(now: number, part: Part, { outcome, status, storeCode, url, startedAt }: AttemptEnd): void {
    const loaded = outcome === "sent" ? part.size : part.loaded;
    this.note(
      now,
      `part ${part.number} ${outcome}: ${answered(status)}${storeCode === null ? "" : ` ${storeCode}`}, ` +
        `${loaded} of ${part.size} bytes in ${seconds(now - startedAt)}, URL ${seconds(now - url.signedAt)} old`,
    );
  }

  call(now: number, name: string, { status, code, facts }: ApiFailure): void {
    const request = facts.request_id ? ` (request ${facts.request_id})` : "";
    this.note(now, `${name}: ${answered(status)} ${code}${request}`);
  }

  note(now: number, text: string): void {
    this.#notes.push(`+${seconds(now - this.startedAt)} ${text}`);
    if (this.#notes.length > NOTES_KEPT) this.#notes.shift();
  }

  /** A part reached the store. */
  finished(now: number, { md5, number, size }: Part): void {
    if (md5 === null) this.#withoutMd5.add(number);
    this.counts.parts_without_md5 = this.#withoutMd5.size;
    this.#bytesFinished += size;
    this.#finishedAt = now;
  }

  /** Bytes per second until the last part arrived. A stall since then doesn't make the connection slow. */
  get goodput(): number | null {
    const ms = this.#finishedAt - (this.#sendingSince ?? Infinity);
    return ms > 0 ? Math.round((this.#bytesFinished * 1000) / ms) : null;
  }

  /** The figures of this run. */
  telemetry(now: number, outcome: UploadTelemetry["outcome"], errorCode: string | null): UploadTelemetry {
    const counts = { ...this.counts };
    for (const name of Object.keys(counts) as (keyof typeof counts)[]) counts[name] -= this.#reported[name];
    this.#reported = { ...this.counts };
    return {
      ...counts,
      video_id: this.videoId,
      outcome,
      phase: this.phase,
      error_code: errorCode ?? this.block?.code ?? null,
      bytes_total: this.fileSize,
      bytes_sent: this.bytesSent,
      duration_ms: Math.max(0, Math.round(now - this.#startedRunAt)),
      goodput_bytes_per_second: this.goodput,
      part_count: this.partCount,
    };
  }

  /** Text for a ticket, so it contains no URL, no token and no file name. */
  report(now: number, browser: string, failure: UploadFailure | null): string {
    const { retries, stalls, renewals, parts_without_md5 } = this.counts;
    return [
      "Slipway upload report",
      `time: ${new Date(now).toISOString()}`,
      `video: ${this.videoId ?? "none"}`,
      `file: ${this.fileSize} bytes, ${this.extension || "no video extension"}`,
      `phase: ${this.phase}`,
      `error: ${(failure ?? this.block)?.code ?? "none"}`,
      `request id: ${failure?.requestId ?? "none"}`,
      `sent: ${this.bytesSent} of ${this.fileSize} bytes in ${this.partCount} parts, ${parts_without_md5} without MD5`,
      `goodput: ${this.goodput ?? "unknown"} bytes/s`,
      `retries: ${retries}, stalls: ${stalls}, URL renewals: ${renewals}, clock jumps: ${this.clockJumps}`,
      `clock offset: ${this.clockOffsetMs ?? "unknown"} ms`,
      `browser: ${browser}`,
      "log:",
      ...this.#notes.map((line) => `  ${line}`),
    ].join("\n");
  }
}

function answered(status: number): string {
  return status === 0 ? "no answer" : `status ${status}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
