// Runs an upload from the chosen file to the API's final answer.
import { completeUpload } from "./complete-upload";
import { openUpload } from "./open-upload";
import { checkChosenFile } from "./read-file";
import { ApiFailure, fromApi, isGone, UploadFailed, UploadLost, unexpected } from "./rules/errors";
import { createRunContext, type RunContext, type RunInput } from "./run-context";
import type { Transfer } from "./transfer";
import type { UploadFailure } from "./types";
import { forgetUpload, mayBeComplete } from "./upload-job";

export function createUploadRun(input: Omit<RunInput, "signal">) {
  const controller = new AbortController();
  const { signal } = controller;
  const context = createRunContext({ ...input, signal });
  const { budget, clock, connection, delays, emit, job, log, ports, ticker, waits } = context;
  let transfer: Transfer | null = null;
  let cleanups: (() => void)[] = [];

  /** Emits exactly one of completed and failed, or nothing after `stop`. */
  async function run(): Promise<void> {
    log.startRun(clock.now());
    const onSleep = () => transfer?.suspectConnections(false);
    cleanups = [connection.watch(onSleep), ticker.start({ onTick, onSleep, onJump })];
    try {
      // If the store has every part, the file is no longer needed, and the user may have moved it.
      if (!mayBeComplete(job)) await checkChosenFile(context);
      emit({ type: "accepted", name: job.name });
      log.phase = "starting";
      transfer = await openUpload(context);
      const video = await sendAndComplete(context, transfer);
      if (signal.aborted) return;
      log.phase = "done";
      stop();
      emit({ type: "completed", video });
    } catch (reason) {
      if (signal.aborted) return;
      const error = explain(context, reason);
      stop();
      const isLost = reason instanceof UploadLost;
      const videoId = job.upload?.videoId ?? null;
      emit({
        type: "failed",
        videoId,
        error,
        isLost,
        mayBeComplete: job.isCompleteUnconfirmed && !isLost,
      });
    }
  }

  function stop(): void {
    for (const cleanup of cleanups.splice(0)) cleanup();
    controller.abort();
    ports.hasher.release();
  }

  function onTick(elapsedMs: number | null): void {
    if (transfer === null) waits.publish();
    else transfer.tick(elapsedMs);
  }

  function onJump(): void {
    log.clockJumps += 1;
    log.note(clock.now(), "the clock jumped");
    budget.renew();
    transfer?.suspectConnections(true);
    delays.wake();
  }

  return { run, stop, wake: delays.wake };
}

export type UploadRun = ReturnType<typeof createUploadRun>;

async function sendAndComplete(context: RunContext, transfer: Transfer) {
  const { emit, log } = context;
  for (let round = 0; ; round += 1) {
    log.phase = "sending";
    await transfer.send();
    emit({ type: "sent" });
    log.phase = "assembling";
    const video = await completeUpload(context, transfer.upload, round);
    if (video?.status_reason?.code === "object_missing") throw new UploadLost();
    if (video !== null) return video;
    emit({ type: "found_incomplete" });
  }
}

function explain({ clock, job, log, ports }: RunContext, reason: unknown): UploadFailure {
  if (isGone(reason)) forgetUpload(job, ports.newId);
  if (reason instanceof UploadFailed) return reason.failure;
  if (reason instanceof ApiFailure) return fromApi(reason);
  const name = reason instanceof Error ? reason.name : "unknown";
  log.note(clock.now(), `unexpected: ${name}`);
  return unexpected(name);
}
