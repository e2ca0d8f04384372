// Asks the API to assemble the parts until it has done so.
import { ApiFailure, dataCorrupted, stillCompleting, UploadFailed } from "./rules/errors";
import type { RunContext } from "./run-context";
import type { Video } from "./types";
import { type OpenUpload, trackAnswer } from "./upload-job";
import { callApi } from "./waiting";

/** The pace that the API asks for while it answers `completing`, and how long that may last. */
const COMPLETING_EVERY_MS = 2000;
const COMPLETING_LIMIT_MS = 900_000;
const MAX_INCOMPLETE_ROUNDS = 5;

/** Returns null if the API misses parts. They are open again. `round` counts from 0. */
export async function completeUpload(
  context: RunContext,
  { parts, videoId }: OpenUpload,
  round: number,
): Promise<Video | null> {
  const { budget, delays, job, log, ports, signal, ticker } = context;
  const startedAt = ticker.awakeMs();
  const md5s = parts.parts.flatMap(({ md5, number }) => (md5 === null ? [] : [{ part_number: number, md5 }]));
  const request = () => ports.api.complete(videoId, md5s, signal);
  for (;;) {
    let video: Video;
    try {
      video = await callApi(context, "complete", true, () =>
        trackAnswer(job, "isCompleteUnconfirmed", request),
      );
    } catch (reason) {
      if (!(reason instanceof ApiFailure) || reason.code !== "parts_incomplete") throw reason;
      job.isCompleteUnconfirmed = false;
      const { missing = [], mismatched = [] } = reason.facts;
      const reopened = parts.reopen([...missing, ...mismatched]);
      if (reopened === 0 || round + 1 >= MAX_INCOMPLETE_ROUNDS) throw new UploadFailed(dataCorrupted());
      log.note(ports.clock.now(), `complete: ${reopened} parts to send again`);
      return null;
    }
    if (video.status !== "completing" && video.status !== "uploading") return video;
    if (ticker.awakeMs() - startedAt > COMPLETING_LIMIT_MS) throw new UploadFailed(stillCompleting());
    budget.renew();
    await delays.wait(COMPLETING_EVERY_MS, signal);
  }
}
