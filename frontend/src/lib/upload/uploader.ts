// Runs one upload at a time, keeps its state for the page, and removes what a failed one left.

import type { UploaderOptions, UploaderPorts } from "./ports";
import { createRemovals } from "./removals";
import { cleanName, containerOfName, createRequest, extensionOf } from "./rules/check-file";
import { IDLE, isRunning, reduce, type UploadEvent } from "./rules/upload-state";
import type { RunInput, SessionNews } from "./run-context";
import type { FileFacts, UploadPolicy, UploadState, UploadTelemetry } from "./types";
import { forgetUpload, type UploadJob } from "./upload-job";
import { UploadLog } from "./upload-log";
import { createUploadRun, type UploadRun } from "./upload-run";

export class Uploader {
  readonly #given: Pick<RunInput, "ports" | "policy" | "options" | "session">;
  readonly #session: SessionNews = { isOut: false, signIns: 0 };
  readonly #removals: ReturnType<typeof createRemovals>;
  readonly #listeners = new Set<() => void>();
  #state: UploadState = IDLE;
  #job: UploadJob | null = null;
  #run: UploadRun | null = null;
  /** Resolves with the last removal. */
  #removed: Promise<void> = Promise.resolve();
  #releaseGuards: (() => void) | null = null;
  #stopWatchingPage: (() => void) | null = null;

  constructor(ports: UploaderPorts, policy: UploadPolicy, options: UploaderOptions = {}) {
    this.#given = { ports, policy, options, session: this.#session };
    this.#removals = createRemovals(ports, this.#session);
  }

  getState(): UploadState {
    return this.#state;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Call it when the user is about to choose a file, so that the worker is ready for the first part. */
  warmUp(): void {
    this.#given.ports.hasher.warmUp();
  }

  /** Does nothing while an upload runs. */
  start(file: File): void {
    if (isRunning(this.#state)) return;
    void this.#discard();
    const { policy, ports } = this.#given;
    const name = cleanName(file.name, policy);
    // What follows the dot is reported only if it is an extension. It may be a part of a person's name.
    const extension = containerOfName(name, policy) === undefined ? "" : extensionOf(name);
    this.#job = {
      file,
      name,
      lastModified: file.lastModified,
      log: new UploadLog(ports.clock.now(), file.size, extension),
      idempotencyKey: ports.newId(),
      isCreateUnconfirmed: false,
      isCompleteUnconfirmed: false,
      upload: null,
      isRestarted: false,
      sendingMs: 0,
    };
    this.#launch(this.#job, { name, sizeBytes: file.size });
  }

  /** Sends the same file again without the parts that the store has. */
  retry(): void {
    if (this.#state.status === "failed" && this.#state.error.retryable && this.#job !== null)
      this.#launch(this.#job, this.#state.file);
  }

  /** Resolves when the server has removed the video, or the removal was left to the server. */
  async abort(): Promise<void> {
    if (this.#job === null || !(isRunning(this.#state) || this.#state.status === "failed")) return;
    this.#stop();
    await this.#removeVideo(this.#job);
  }

  /** Uploads and removals wait for `signedIn`, because the next cookie may be another user's. */
  signedOut(): void {
    this.#session.isOut = true;
  }

  signedIn(): void {
    this.#session.isOut = false;
    this.#session.signIns += 1;
    this.#run?.wake();
    this.#removals.wake();
  }

  /** Resolves as `abort` does, if a failed upload left a video. */
  async reset(): Promise<void> {
    if (isRunning(this.#state)) return;
    const discarded = this.#discard();
    this.#dispatch({ type: "reset" });
    await discarded;
  }

  /**
   * Another user is signed in, who neither sees the upload nor gets it. Sends no create request, which would make the
   * video in that user's account. The server expires what is left.
   */
  forget(): void {
    if (isRunning(this.#state)) this.#stop();
    if (this.#job !== null) this.#job.isCreateUnconfirmed = false;
    this.#removals.forget();
    void this.reset();
    this.#job = null;
  }

  /** Text for a ticket. It contains ids, attempts and statuses, but no URL, no token and no file name. */
  failureReport(): string {
    if (this.#job === null) return "No upload in this page yet.";
    const failure = this.#state.status === "failed" ? this.#state.error : null;
    return this.#job.log.report(this.#given.ports.clock.now(), this.#given.ports.browser, failure);
  }

  /** Ends the upload and removes all listeners. A later start works (React mounts twice in development). */
  dispose(): void {
    if (isRunning(this.#state)) this.#stop();
    void this.#discard();
    this.#given.ports.hasher.release();
    this.#stopWatchingPage?.();
    this.#stopWatchingPage = null;
  }

  #launch(job: UploadJob, file: FileFacts): void {
    this.#dispatch({ type: "chosen", file });
    this.#stopWatchingPage ??= this.#given.ports.guards.onPageGone(() => this.#pageGone());
    this.#releaseGuards ??= this.#given.ports.guards.hold();
    const emit = (event: UploadEvent) => {
      // Events of a stopped run are ignored.
      if (this.#run !== run) return;
      if (event.type === "completed") {
        // Nothing is left to remove.
        job.upload = null;
        this.#end(event, "done");
      } else if (event.type === "failed" && event.isLost) this.#restart(job, file, event);
      else if (event.type === "failed") {
        this.#end(event, "failed");
        if (!event.error.retryable) void this.#discard();
      } else this.#dispatch(event);
    };
    const run = createUploadRun({ ...this.#given, job, emit, removed: this.#removed });
    this.#run = run;
    void run.run();
  }

  /** Sends the file under a new video, once by itself. Later it is for the user to try again. */
  #restart(job: UploadJob, file: FileFacts, event: UploadEvent): void {
    void this.#discard();
    forgetUpload(job, this.#given.ports.newId);
    if (job.isRestarted) {
      this.#end(event, "failed");
      return;
    }
    job.isRestarted = true;
    job.log.note(this.#given.ports.clock.now(), "the storage lost the upload, a new one begins");
    this.#dispatch({ type: "restarted" });
    this.#launch(job, file);
  }

  #stop(): void {
    this.#run?.stop();
    this.#end({ type: "aborted" }, "aborted");
  }

  #end(event: UploadEvent, outcome: UploadTelemetry["outcome"]): void {
    if (this.#run !== null) this.#report(outcome, event.type === "failed" ? event.error.code : null);
    this.#run = null;
    this.#releaseGuards?.();
    this.#releaseGuards = null;
    this.#dispatch(event);
  }

  #dispatch(event: UploadEvent): void {
    const next = reduce(this.#state, event);
    if (next === this.#state) return;
    this.#state = next;
    for (const listener of [...this.#listeners]) listener();
  }

  /**
   * A user may have five open uploads, and five reloads must not use them up. The DELETE comes first, because Firefox
   * ends the script of a closed tab at any moment.
   */
  #pageGone(): void {
    const job = this.#job;
    if (job?.upload && !job.isCompleteUnconfirmed) this.#given.ports.api.removeOnUnload(job.upload.videoId);
    this.#removals.flush();
    // A browser that unloads the page refuses to read the file, which must not look like a changed file.
    this.#run?.stop();
    // A run that has ended is already reported.
    if (isRunning(this.#state)) this.#report("left", null);
  }

  #report(outcome: UploadTelemetry["outcome"], errorCode: string | null): void {
    const { api, clock } = this.#given.ports;
    if (this.#job !== null) api.report(this.#job.log.telemetry(clock.now(), outcome, errorCode));
  }

  /** Removes the video of a failed upload. The user did not ask for it, so a video that may be complete stays. */
  async #discard(): Promise<void> {
    if (this.#job !== null && !this.#job.isCompleteUnconfirmed) await this.#removeVideo(this.#job);
  }

  /** If the removal never arrives, the server's reconciler expires the upload. */
  async #removeVideo(job: UploadJob): Promise<void> {
    const videoId = job.upload?.videoId ?? null;
    const { idempotencyKey, isCreateUnconfirmed } = job;
    job.upload = null;
    job.isCreateUnconfirmed = false;
    if (videoId === null && !isCreateUnconfirmed) return;
    this.#removed = this.#removals.add({
      videoId,
      create: (signal) =>
        this.#given.ports.api.create(createRequest(job, this.#given.policy), idempotencyKey, signal),
    });
    await this.#removed;
  }
}
