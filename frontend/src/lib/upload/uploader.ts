// The engine's front: one upload at a time, its state for the page, and nothing left behind when it ends.

import { cleanName, createRequest } from "./check-file";
import { ApiFailure } from "./errors";
import type { UploaderOptions, UploaderPorts } from "./ports";
import { backoffMs, judgeCall } from "./retry";
import { UploadLog, type UploadTelemetry } from "./telemetry";
import type { UploadPolicy, UploadState } from "./types";
import { type UploadJob, UploadRun } from "./upload-run";
import { IDLE, isRunning, reduce, type UploadEvent } from "./upload-state";

const REMOVE_TRIES = 5;

export class Uploader {
  private state: UploadState = IDLE;
  private readonly listeners = new Set<() => void>();
  private job: UploadJob | null = null;
  private run: UploadRun | null = null;
  private releaseGuards: (() => void) | null = null;
  private stopWatchingPage: (() => void) | null = null;

  constructor(
    private readonly ports: UploaderPorts,
    private readonly policy: UploadPolicy,
    private readonly options: UploaderOptions = {},
  ) {}

  readonly getState = (): UploadState => this.state;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => {
      this.listeners.delete(listener);
    };
  };

  /** Somebody is about to choose a file: the first part's hash then need not wait for its worker. */
  warmUp(): void {
    this.ports.hasher.warmUp();
  }

  /** Does nothing while an upload runs: one at a time. */
  start(file: File): void {
    if (isRunning(this.state)) return;
    this.discardLeftover();
    const facts = { name: cleanName(file.name), sizeBytes: file.size };
    const dot = facts.name.lastIndexOf(".");
    this.job = {
      file,
      facts,
      lastModified: file.lastModified,
      log: new UploadLog(
        this.ports.clock.now(),
        file.size,
        dot > 0 ? `, ${facts.name.slice(dot, dot + 8)}` : "",
      ),
      idempotencyKey: this.ports.newId(),
      isCreateInDoubt: false,
      isCompleteInDoubt: false,
      upload: null,
    };
    this.launch(this.job, { type: "chosen", file: facts });
  }

  /** The same file again, with the parts the store has already. */
  retry(): void {
    if (this.state.status !== "failed" || !this.state.error.retryable || this.job === null) return;
    this.launch(this.job, { type: "retried" });
  }

  abort(): void {
    const job = this.job;
    if (job === null || !(isRunning(this.state) || this.state.status === "failed")) return;
    this.run?.stop();
    this.end({ type: "aborted" }, "aborted");
    void this.removeRemote(job);
  }

  signedIn(): void {
    this.run?.signedIn();
  }

  reset(): void {
    if (isRunning(this.state)) return;
    this.discardLeftover();
    this.dispatch({ type: "reset" });
  }

  /** Text to copy into a ticket: ids, attempts, statuses; never a URL, a token or the file's name. */
  failureReport(): string {
    if (this.job === null) return "No upload in this page yet.";
    const failure = this.state.status === "failed" ? this.state.error : null;
    return this.job.log.report(this.ports.clock.now(), this.ports.browser, failure);
  }

  /** Ends what runs and lets go of the page. A later start works again (React mounts twice in development). */
  dispose(): void {
    if (isRunning(this.state)) this.abort();
    else this.discardLeftover();
    this.stopWatchingPage?.();
    this.stopWatchingPage = null;
  }

  private launch(job: UploadJob, event: UploadEvent): void {
    this.dispatch(event);
    this.stopWatchingPage ??= this.ports.guards.onPageGone(() => this.pageGone());
    this.releaseGuards = this.ports.guards.hold();
    const run = new UploadRun(job, this.ports, this.policy, this.options, (what) => {
      // A run that was stopped has nothing to say any more.
      if (this.run !== run) return;
      if (what.type === "completed") this.end(what, "done");
      else if (what.type === "failed") {
        this.end(what, "failed");
        if (!what.error.retryable) this.discardLeftover();
      } else this.dispatch(what);
    });
    this.run = run;
    void run.run();
  }

  private end(event: UploadEvent, outcome: UploadTelemetry["outcome"]): void {
    if (this.run !== null) this.report(outcome, event.type === "failed" ? event.error.code : null);
    this.run = null;
    this.releaseGuards?.();
    this.releaseGuards = null;
    this.dispatch(event);
  }

  private dispatch(event: UploadEvent): void {
    const next = reduce(this.state, event);
    if (next === this.state) return;
    this.state = next;
    for (const listener of [...this.listeners]) listener();
  }

  /** Five reloads on bad Wi-Fi must not use up the five open uploads a user may have. */
  private pageGone(): void {
    const job = this.job;
    if (job === null || job.upload === null || job.isCompleteInDoubt || this.state.status === "done") return;
    this.report("left", null);
    this.ports.api.removeOnUnload(job.upload.videoId);
  }

  private report(outcome: UploadTelemetry["outcome"], errorCode: string | null): void {
    const { api, clock } = this.ports;
    if (this.job !== null) api.report(this.job.log.telemetry(clock.now(), outcome, errorCode));
  }

  /** A failed upload's video, when nobody will go on with it. One that may be whole stays. */
  private discardLeftover(): void {
    const job = this.job;
    if (this.state.status !== "failed" || job === null || job.isCompleteInDoubt) return;
    void this.removeRemote(job);
  }

  /** In the background and after the end; what this does not reach, the server's sweep does. */
  private async removeRemote(job: UploadJob): Promise<void> {
    const { api, clock, random } = this.ports;
    const { signal } = new AbortController();
    let videoId = job.upload?.videoId ?? null;
    const isInDoubt = job.isCreateInDoubt;
    job.upload = null;
    job.isCreateInDoubt = false;
    for (let failures = 1; failures <= REMOVE_TRIES; failures += 1) {
      try {
        if (videoId === null) {
          if (!isInDoubt) return;
          // The answer to create is lost, not the video: the same key names it.
          const request = createRequest(job.file, this.policy);
          videoId = (await api.create(request, job.idempotencyKey, signal)).video.id;
        }
        await api.remove(videoId, signal);
        return;
      } catch (reason) {
        if (!(reason instanceof ApiFailure) || judgeCall(reason.status) !== "again") return;
        const ms = backoffMs(failures, random, reason.retryAfterSeconds);
        await new Promise<void>((resolve) => clock.after(ms, resolve));
      }
    }
  }
}
