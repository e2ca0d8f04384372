// One attempt to send one part.
import { linkedController } from "./delays";
import { hexToBase64 } from "./hash-ahead";
import type { PartBody } from "./ports";
import type { Part, PartList } from "./rules/part-list";
import { decidePart } from "./rules/retry";
import type { Attempt, RunContext } from "./run-context";
import type { AttemptEnd } from "./upload-log";
import type { SignedUrl } from "./url-cache";

export interface AttemptContext extends RunContext {
  readonly parts: PartList;
  readonly onProgress: () => void;
}

export async function attemptPart(
  context: AttemptContext,
  part: Part,
  body: PartBody,
  url: SignedUrl,
): Promise<AttemptEnd> {
  const { attempts, budget, clock, connection, log, onProgress, parts, ports, ticker, waits } = context;
  const startedAt = clock.now();
  const controller = linkedController(context.signal);
  const attempt: Attempt = {
    part,
    controller,
    startedAt,
    lastEventAt: startedAt,
    isBodySent: false,
    together: 1,
    shortLimitMs: null,
  };
  const heard = () => {
    attempt.lastEventAt = clock.now();
    attempt.shortLimitMs = null;
  };
  attempts.add(attempt);
  onProgress();
  const startedMs = ticker.awakeMs();
  let bodySentMs = Infinity;
  const answer = await ports.transport.put({
    url: url.url,
    body,
    contentMd5: part.md5 === null ? null : hexToBase64(part.md5),
    signal: controller.signal,
    onProgress: (loaded) => {
      if (controller.signal.aborted) return;
      heard();
      if (parts.advance(part, loaded)) {
        budget.renew();
        connection.reachStore();
        waits.worked("storage");
        if (log.block?.code === "storage_blocked") log.block = undefined;
      }
      onProgress();
    },
    onBodySent: () => {
      heard();
      attempt.isBodySent = true;
      bodySentMs = ticker.awakeMs();
    },
  });
  attempts.delete(attempt);
  if (body instanceof Uint8Array) release(body.buffer);
  const { isBodySent, shortLimitMs } = attempt;
  const outcome = outcomeOf(answer.status, controller.signal);
  controller.abort();
  const isShortened = shortLimitMs !== null;
  const end: AttemptEnd = { ...answer, outcome, isBodySent, isShortened, url, startedAt };
  log.attempt(clock.now(), part, end);
  if (end.outcome === "sent") {
    parts.finish(part);
    ticker.observe();
    parts.timeAnswer(part, startedMs, bodySentMs, ticker.awakeMs());
    log.finished(clock.now(), part);
    budget.renew();
    waits.worked("storage");
  }
  part.loaded = 0;
  onProgress();
  return end;
}

/**
 * Frees the bytes now, where the browser can. If the garbage collector does so, WebKit grows by 500 MiB for 1 GiB,
 * and by 210 MiB otherwise (measured).
 */
function release(buffer: ArrayBuffer & { transfer?(length: number): ArrayBuffer }): void {
  buffer.transfer?.(0);
}

function outcomeOf(status: number, { reason }: AbortSignal): AttemptEnd["outcome"] {
  if (status === 0) return reason === "stalled" || reason === "preempted" ? reason : "broke";
  return decidePart(status, null) === "sent" ? "sent" : "answered";
}
