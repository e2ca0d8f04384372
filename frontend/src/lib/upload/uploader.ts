// The engine's front: one upload at a time, its state for the page, and nothing left behind when it ends.

import type { UploaderOptions, UploaderPorts } from "./ports";
import { createRemovals } from "./removals";
import { cleanName, createRequest, extensionOf } from "./rules/check-file";
import { IDLE, isRunning, reduce, type UploadEvent } from "./rules/upload-state";
import { UploadLog } from "./telemetry";
import type { UploadPolicy, UploadState, UploadTelemetry } from "./types";
import { createUploadRun, type UploadJob, type UploadRun } from "./upload-run";

export function createUploader(ports: UploaderPorts, policy: UploadPolicy, options: UploaderOptions = {}) {
  let state: UploadState = IDLE;
  const listeners = new Set<() => void>();
  const removals = createRemovals(ports);
  let job: UploadJob | null = null;
  let run: UploadRun | null = null;
  let releaseGuards: (() => void) | null = null;
  let stopWatchingPage: (() => void) | null = null;

  const getState = (): UploadState => state;

  const subscribe = (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  };

  /** Somebody is about to choose a file: the first part's hash then need not wait for its worker. */
  function warmUp(): void {
    ports.hasher.warmUp();
  }

  /** Does nothing while an upload runs: one at a time. */
  function start(file: File): void {
    if (isRunning(state)) return;
    void discardLeftover();
    const facts = { name: cleanName(file.name), sizeBytes: file.size };
    job = {
      file,
      facts,
      log: new UploadLog(ports.clock.now(), file.size, reportedExtension(file.name)),
      idempotencyKey: ports.newId(),
      isCreateInDoubt: false,
      isCompleteInDoubt: false,
      upload: null,
    };
    launch(job, { type: "chosen", file: facts });
  }

  /** What follows a dot need not be an extension: anything else may be a part of the name. */
  function reportedExtension(name: string): string {
    const extension = extensionOf(name);
    return policy.containers.some(({ extensions }) => extensions.includes(extension)) ? extension : "";
  }

  /** The same file again, with the parts the store has already. */
  function retry(): void {
    if (state.status !== "failed" || !state.error.retryable || job === null) return;
    launch(job, { type: "retried" });
  }

  /** Resolves when the server has removed the video: soon, or once it can be reached again. */
  async function abort(): Promise<void> {
    if (job === null || !(isRunning(state) || state.status === "failed")) return;
    stop();
    await removeRemote(job);
  }

  function stop(): void {
    run?.stop();
    end({ type: "aborted" }, "aborted");
  }

  function signedIn(): void {
    run?.signedIn();
    removals.signedIn();
  }

  /** Resolves as `abort` does, when what has failed left a video. */
  async function reset(): Promise<void> {
    if (isRunning(state)) return;
    const discarded = discardLeftover();
    dispatch({ type: "reset" });
    await discarded;
  }

  /** Text to copy into a ticket: ids, attempts, statuses; never a URL, a token or the file's name. */
  function failureReport(): string {
    if (job === null) return "No upload in this page yet.";
    const failure = state.status === "failed" ? state.error : null;
    return job.log.report(ports.clock.now(), ports.browser, failure);
  }

  /** Ends what runs and lets go of the page. A later start works again (React mounts twice in development). */
  function dispose(): void {
    if (job !== null && isRunning(state)) {
      stop();
      // No person asked for this: one that may be whole stays.
      if (!job.isCompleteInDoubt) void removeRemote(job);
    } else void discardLeftover();
    ports.hasher.rest();
    stopWatchingPage?.();
    stopWatchingPage = null;
  }

  function launch(job: UploadJob, event: UploadEvent): void {
    dispatch(event);
    stopWatchingPage ??= ports.guards.onPageGone(pageGone);
    releaseGuards = ports.guards.hold();
    const launched = createUploadRun(job, ports, policy, options, (what) => {
      // A run that was stopped has nothing to say any more.
      if (run !== launched) return;
      if (what.type === "completed") end(what, "done");
      else if (what.type === "failed") {
        end(what, "failed");
        if (!what.error.retryable) void discardLeftover();
      } else dispatch(what);
    });
    run = launched;
    void launched.run();
  }

  function end(event: UploadEvent, outcome: UploadTelemetry["outcome"]): void {
    if (run !== null) report(outcome, event.type === "failed" ? event.error.code : null);
    run = null;
    releaseGuards?.();
    releaseGuards = null;
    dispatch(event);
  }

  function dispatch(event: UploadEvent): void {
    const next = reduce(state, event);
    if (next === state) return;
    state = next;
    for (const listener of [...listeners]) listener();
  }

  /** Five reloads on bad Wi-Fi must not use up the five open uploads a user may have. */
  function pageGone(): void {
    removals.flush();
    // A try that has ended is reported.
    if (isRunning(state)) report("left", null);
    if (job === null || job.upload === null || job.isCompleteInDoubt || state.status === "done") return;
    ports.api.removeOnUnload(job.upload.videoId);
  }

  function report(outcome: UploadTelemetry["outcome"], errorCode: string | null): void {
    const { api, clock } = ports;
    if (job !== null) api.report(job.log.telemetry(clock.now(), outcome, errorCode));
  }

  /** A failed upload's video, when nobody will go on with it. One that may be whole stays. */
  async function discardLeftover(): Promise<void> {
    if (state.status !== "failed" || job === null || job.isCompleteInDoubt) return;
    await removeRemote(job);
  }

  /** In the background and after the end; what this does not reach, the server's sweep does. */
  async function removeRemote(job: UploadJob): Promise<void> {
    const videoId = job.upload?.videoId ?? null;
    const { file, idempotencyKey, isCreateInDoubt } = job;
    job.upload = null;
    job.isCreateInDoubt = false;
    if (videoId === null && !isCreateInDoubt) return;
    await removals.add({
      videoId,
      createAgain: (signal) => ports.api.create(createRequest(file, policy), idempotencyKey, signal),
    });
  }

  return { getState, subscribe, warmUp, start, retry, abort, signedIn, reset, failureReport, dispose };
}

export type Uploader = ReturnType<typeof createUploader>;
