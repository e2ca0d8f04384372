// One run from the chosen file to the API's final answer: check, open, send, complete.
import { completeUpload } from "./complete-upload";
import { openUpload } from "./open-upload";
import type { UploaderOptions, UploaderPorts } from "./ports";
import { checkChosenFile } from "./read-file";
import { ApiFailure, fromApi, isGone, UploadFailed, unexpected } from "./rules/errors";
import type { UploadEvent } from "./rules/upload-state";
import { createRunContext, type RunContext } from "./run-context";
import type { Transfer } from "./transfer";
import type { UploadFailure, UploadPolicy, Video } from "./types";
import { forgetUpload, type UploadJob } from "./upload-job";

export class UploadRun {
  readonly #controller = new AbortController();
  readonly #context: RunContext;
  #transfer: Transfer | null = null;
  #cleanups: (() => void)[] = [];

  constructor(
    job: UploadJob,
    ports: UploaderPorts,
    policy: UploadPolicy,
    options: UploaderOptions,
    emit: (event: UploadEvent) => void,
  ) {
    const { signal } = this.#controller;
    this.#context = createRunContext({ job, ports, policy, options, emit, signal });
  }

  /** Emits exactly one of completed and failed, or nothing after `stop`. */
  async run(): Promise<void> {
    const { emit, job, signal } = this.#context;
    this.#watch();
    try {
      const video = await this.#upload();
      if (signal.aborted) return;
      this.#enter("done");
      this.stop();
      emit({ type: "completed", video });
    } catch (reason) {
      if (signal.aborted) return;
      const error = this.#explain(reason);
      this.stop();
      emit({ type: "failed", videoId: job.upload?.videoId ?? null, error });
    }
  }

  stop(): void {
    for (const cleanup of this.#cleanups.splice(0)) cleanup();
    this.#controller.abort();
    this.#context.ports.hasher.release();
  }

  signedIn(): void {
    this.#context.session.signIns += 1;
    this.#context.delays.wakeAll();
  }

  #watch(): void {
    const { clock, connection, log, ticker, waits } = this.#context;
    log.startAttempt(clock.now());
    this.#cleanups = [
      connection.watch(() => this.#transfer?.suspectConnections(false)),
      ticker.start({
        onTick: (elapsedMs) => {
          if (this.#transfer === null) waits.publish();
          else this.#transfer.tick(elapsedMs);
        },
        onSleep: () => this.#transfer?.suspectConnections(false),
        onJump: () => this.#clockJumped(),
      }),
    ];
  }

  #clockJumped(): void {
    const { budget, clock, delays, log } = this.#context;
    log.clockJumps += 1;
    log.note(clock.now(), "the clock jumped");
    budget.renew();
    this.#transfer?.suspectConnections(true);
    delays.wakeAll();
  }

  async #upload(): Promise<Video> {
    const { emit } = this.#context;
    await checkChosenFile(this.#context);
    emit({ type: "accepted" });
    this.#enter("starting");
    const transfer = await openUpload(this.#context);
    this.#transfer = transfer;
    for (let round = 0; ; round += 1) {
      this.#enter("sending");
      await transfer.send();
      emit({ type: "sent" });
      this.#enter("assembling");
      const video = await completeUpload(this.#context, transfer.upload, round);
      if (video !== null) return video;
      emit({ type: "found_incomplete" });
    }
  }

  #enter(phase: RunContext["log"]["phase"]): void {
    this.#context.log.phase = phase;
  }

  #explain(reason: unknown): UploadFailure {
    const { clock, job, log, ports } = this.#context;
    if (isGone(reason)) forgetUpload(job, ports.newId);
    if (reason instanceof UploadFailed) return reason.failure;
    if (reason instanceof ApiFailure) return fromApi(reason);
    const name = reason instanceof Error ? reason.name : "unknown";
    log.note(clock.now(), `unexpected: ${name}`);
    return unexpected(name);
  }
}
