// Creates an upload, or opens the one of a failed run again.

import { within } from "./delays";
import { createRequest } from "./rules/check-file";
import { ApiFailure, isGone, isPastSending } from "./rules/errors";
import { PartList } from "./rules/part-list";
import type { RunContext } from "./run-context";
import { createTransfer, signParts, type Transfer } from "./transfer";
import { forgetUpload, type OpenUpload, trackAnswer } from "./upload-job";
import type { TimedParts } from "./url-cache";
import { callApi } from "./waiting";

/** A removal may wait for a sign-in or for the network, and a new upload may then be created without it. */
const REMOVAL_MS = 10_000;

export async function openUpload(context: RunContext): Promise<Transfer> {
  const { upload } = context.job;
  return (upload === null ? null : await resume(context, upload)) ?? (await create(context));
}

async function create(context: RunContext): Promise<Transfer> {
  const { job, log, ports, removed } = context;
  // The bytes of a removed video count, and its upload is open, until the server has removed it from the store.
  await within(context, REMOVAL_MS, removed);
  let created = await callCreate(context);
  if (created.upload === null) {
    // The key belongs to a video that is past uploading or deleted, so this one needs a key of its own.
    job.idempotencyKey = ports.newId();
    created = await callCreate(context);
  }
  const { sentAt, upload, video } = created;
  if (upload === null) throw new ApiFailure(409, "wrong_state");
  job.upload = { videoId: video.id, parts: new PartList(job.file.size, upload.part_size_bytes) };
  log.videoId = video.id;
  return startTransfer(context, job.upload, { ...upload, sentAt });
}

function callCreate(context: RunContext) {
  const { job, policy, ports, signal } = context;
  return callApi(context, "create", false, async (sentAt) => {
    const created = await trackAnswer(job, "isCreateUnconfirmed", () =>
      ports.api.create(createRequest(job, policy), job.idempotencyKey, signal),
    );
    // After a cancel, the removal asks again with the same key.
    if (!signal.aborted) job.isCreateUnconfirmed = false;
    return { ...created, sentAt };
  });
}

/** Returns null if the video is gone. The file then starts from the beginning. */
async function resume(context: RunContext, upload: OpenUpload): Promise<Transfer | null> {
  const { job, policy, ports } = context;
  const { parts, videoId } = upload;
  parts.resetFailures();
  const unfinished = parts.unfinished.slice(0, policy.max_parts_per_signing).map((part) => part.number);
  let signed: TimedParts | null = null;
  try {
    if (unfinished.length > 0) signed = await signParts(context, videoId, unfinished);
  } catch (reason) {
    if (isGone(reason)) {
      forgetUpload(job, ports.newId);
      return null;
    }
    if (!isPastSending(reason)) throw reason;
    for (const part of parts.unfinished) parts.finish(part);
  }
  return startTransfer(context, upload, signed);
}

function startTransfer(context: RunContext, upload: OpenUpload, signed: TimedParts | null): Transfer {
  const { clock, emit, log } = context;
  const { parts, videoId } = upload;
  const transfer = createTransfer(context, upload, signed);
  log.partCount = parts.parts.length;
  log.sending(clock.now(), parts.bytesSent);
  emit({ type: "created", videoId, progress: transfer.progress.current() });
  return transfer;
}
