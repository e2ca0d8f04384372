// An API with videos in memory, whose failures a test decides.
import type { CreatedUpload, CreateVideo, PartMd5, SignedParts, UploadApi } from "../ports";
import { ApiFailure } from "../rules/errors";
import type { UploadTelemetry, Video } from "../types";
import { type FakeClock, T0 } from "./fake-clock";
import type { FakeStore } from "./fake-store";
import { MIB } from "./policy";
import { watchSignal } from "./signals";
import { makeVideo } from "./video";

export function apiFailure(
  status: number,
  code = "internal_error",
  facts: Record<string, unknown> = {},
  retryAfterSeconds: number | null = null,
): ApiFailure {
  return new ApiFailure(
    status,
    code,
    { request_id: status === 0 ? null : "req-1", ...facts },
    retryAfterSeconds,
  );
}

export type Call = "create" | "sign" | "complete" | "remove";

export class FakeApi implements UploadApi {
  /** Thrown by the next calls, in order. Null lets one through, `lost` does the work first, `gone` deletes the video. */
  readonly failures: Record<Call, (ApiFailure | null | { lost: true } | { hang: true } | { gone: true })[]> =
    {
      create: [],
      sign: [],
      complete: [],
      remove: [],
    };
  readonly calls: { call: Call; at: number; args: readonly unknown[] }[] = [];
  readonly unloads: string[] = [];
  readonly videos = new Map<string, { key: string; status: Video["status"]; request: CreateVideo }>();
  latencyMs = 20;
  skewMs = 0;
  urlLifeMs = 900_000;
  firstBatch = 32;
  partSize = 5 * MIB;
  storeOrigin = "https://store.test";
  /** How many completes answer `completing` before the last. */
  completingAnswers = 0;
  /** How many completes answer that the object is missing. */
  lost = 0;
  lastProof: readonly PartMd5[] = [];
  private serial = 0;
  private count = 0;

  constructor(
    private readonly clock: FakeClock,
    private readonly store: FakeStore,
  ) {}

  countOf(call: Call): number {
    return this.calls.filter((made) => made.call === call).length;
  }

  async create(request: CreateVideo, key: string, signal: AbortSignal): Promise<CreatedUpload> {
    return this.called("create", [request, key], signal, () => {
      const known = [...this.videos].find(([, video]) => video.key === key);
      const id = known?.[0] ?? `video-${++this.count}`;
      if (known === undefined) this.videos.set(id, { key, status: "uploading", request });
      const status = this.statusOf(id);
      const partCount = Math.ceil(request.size_bytes / this.partSize);
      const numbers = Array.from({ length: Math.min(partCount, this.firstBatch) }, (_, index) => index + 1);
      return {
        video: makeVideo(id, request, status),
        upload:
          status !== "uploading"
            ? null
            : {
                part_size_bytes: this.partSize,
                part_count: partCount,
                expires_at: this.serverTime(3_600_000),
                server_time: this.serverTime(0),
                parts: this.signed(id, numbers),
              },
      };
    });
  }

  async sign(videoId: string, partNumbers: readonly number[], signal: AbortSignal): Promise<SignedParts> {
    return this.called("sign", [videoId, partNumbers], signal, () => {
      if (partNumbers.length < 1 || partNumbers.length > 32) throw apiFailure(422, "validation_error");
      const status = this.statusOf(videoId);
      if (status !== "uploading") throw apiFailure(409, "wrong_state", { status });
      return { parts: this.signed(videoId, partNumbers), server_time: this.serverTime(0) };
    });
  }

  async complete(videoId: string, proof: readonly PartMd5[], signal: AbortSignal): Promise<Video> {
    return this.called("complete", [videoId, proof], signal, () => {
      const status = this.statusOf(videoId);
      const request = this.request(videoId);
      this.lastProof = proof;
      if (status === "expired" || status === "deleting") throw apiFailure(409, "wrong_state", { status });
      if (status !== "uploading" && status !== "completing") return makeVideo(videoId, request, status);
      const missing: number[] = [];
      const mismatched: number[] = [];
      for (let number = 1; number <= Math.ceil(request.size_bytes / this.partSize); number += 1) {
        const part = this.store.parts.get(number);
        const end = Math.min(request.size_bytes, number * this.partSize);
        if (part === undefined) missing.push(number);
        else if (part.start !== (number - 1) * this.partSize || part.end !== end) mismatched.push(number);
        else if (proof.some((given) => given.part_number === number && given.md5 !== part.md5))
          mismatched.push(number);
      }
      if (missing.length + mismatched.length > 0)
        throw apiFailure(409, "parts_incomplete", { missing, mismatched });
      this.lost -= 1;
      if (this.lost >= 0) {
        this.setStatus(videoId, "failed");
        const status_reason = {
          code: "object_missing" as const,
          detail: "The uploaded file is no longer in the storage.",
        };
        return { ...makeVideo(videoId, request, "failed"), status_reason };
      }
      this.completingAnswers -= 1;
      this.setStatus(videoId, this.completingAnswers >= 0 ? "completing" : "processing");
      return makeVideo(videoId, request, this.statusOf(videoId));
    });
  }

  async remove(videoId: string, signal: AbortSignal): Promise<void> {
    return this.called("remove", [videoId], signal, () => {
      if (!this.videos.delete(videoId)) throw apiFailure(404, "video_not_found");
    });
  }

  /** The status of the server's own look at itself and the store. */
  healthStatus = 200;
  healthCalls = 0;
  healthSignal: AbortSignal | null = null;

  async health(signal: AbortSignal): Promise<number> {
    this.healthCalls += 1;
    this.healthSignal = signal;
    await new Promise<void>((resolve) => this.clock.after(this.latencyMs, resolve));
    return this.healthStatus;
  }

  readonly telemetry: UploadTelemetry[] = [];

  report(telemetry: UploadTelemetry): void {
    this.telemetry.push(telemetry);
  }

  removeOnUnload(videoId: string): void {
    this.unloads.push(videoId);
    this.videos.delete(videoId);
  }

  setStatus(videoId: string, status: Video["status"]): void {
    const video = this.videos.get(videoId);
    if (video !== undefined) video.status = status;
  }

  private async called<T>(
    call: Call,
    args: readonly unknown[],
    signal: AbortSignal,
    work: () => T,
  ): Promise<T> {
    this.calls.push({ call, at: this.clock.trueNow() - T0, args });
    watchSignal(signal);
    const failure = this.failures[call].shift() ?? null;
    await new Promise<void>((resolve) => {
      const settle = () => {
        cancel();
        signal.removeEventListener("abort", settle);
        resolve();
      };
      const hangs = failure !== null && "hang" in failure;
      const cancel = this.clock.after(hangs ? 20_000 : this.latencyMs, settle);
      signal.addEventListener("abort", settle);
    });
    // No server misses parts of a video that it has put together.
    const isWhole = this.videos.get(String(args[0]))?.status === "processing";
    const isUntrue = failure instanceof ApiFailure && failure.code === "parts_incomplete" && isWhole;
    if (failure instanceof ApiFailure && !isUntrue) throw failure;
    if (failure !== null && "hang" in failure) throw apiFailure(0, "timeout");
    if (failure !== null && "gone" in failure) this.videos.clear();
    const answer = work();
    if (signal.aborted || (failure !== null && "lost" in failure)) throw apiFailure(0, "network");
    return answer;
  }

  private statusOf(videoId: string): Video["status"] {
    const video = this.videos.get(videoId);
    if (video === undefined) throw apiFailure(404, "video_not_found");
    return video.status;
  }

  private request(videoId: string): CreateVideo {
    const video = this.videos.get(videoId);
    if (video === undefined) throw apiFailure(404, "video_not_found");
    return video.request;
  }

  private serverTime(aheadMs: number): string {
    return new Date(this.clock.trueNow() + this.skewMs + aheadMs).toISOString();
  }

  private signed(videoId: string, numbers: readonly number[]): SignedParts["parts"] {
    return numbers.map((number) => ({
      part_number: number,
      url: `${this.storeOrigin}/bucket/${videoId}?partNumber=${number}&serial=${++this.serial}&expires=${this.clock.trueNow() + this.urlLifeMs}&X-Amz-Signature=secret`,
      size_bytes: 0,
      expires_at: this.serverTime(this.urlLifeMs),
    }));
  }
}
