// Sends one part until the store has it, and decides what follows from the store's answers.
import { within } from "./delays";
import { findBlock } from "./find-block";
import { type AttemptContext, attemptPart } from "./part-attempt";
import { prepareBody } from "./part-body";
import { verifyFile } from "./read-file";
import type { Concurrency } from "./rules/concurrency";
import { dataCorrupted, networkFailure, storeRefusal, UploadFailed, UploadLost } from "./rules/errors";
import type { Part } from "./rules/part-list";
import { decidePart } from "./rules/retry";
import type { AttemptEnd } from "./upload-log";
import type { UrlCache } from "./url-cache";
import { pause, whenOnline } from "./waiting";

/** A store that refuses a URL this young, after one renewal, does not do so because of its age. */
const YOUNG_URL_MS = 60_000;
const MAX_REFUSALS = 3;
const MAX_CORRUPTIONS = 4;
/** Ceph answers NoSuchKey to some calls for a missing upload. */
const LOST_CODES: readonly string[] = ["NoSuchUpload", "NoSuchKey"];
/** The part is not sent again until the API has had so long to answer. */
const API_ANSWER_MS = 5000;

export interface SenderContext extends AttemptContext {
  readonly concurrency: Concurrency;
  readonly urls: UrlCache;
  /** The parts that follow, whose MD5s are computed ahead. */
  readonly queue: readonly Part[];
}

/** Returns false if the part was put off because fewer parts may be in flight now. */
export async function sendPart(
  context: SenderContext,
  part: Part,
  isPutOff: () => boolean,
): Promise<boolean> {
  const { attempts, parts, ports, queue, signal, urls } = context;
  while (!part.isDone) {
    await whenOnline(context);
    if (isPutOff()) return false;
    const { readsBodies } = ports.bodyMode;
    // Before the first answer, a body that was sent may be a slice that this browser cannot send. Bytes then tell.
    const isTrial = parts.isBuffered === null && [...attempts].some(({ isBodySent }) => isBodySent);
    // Reading may take long, so the URL is taken last.
    const body = await prepareBody(context, part, queue, readsBodies || isTrial);
    const url = await urls.get(part.number);
    signal.throwIfAborted();
    if (readsBodies !== ports.bodyMode.readsBodies) continue;
    const end = await attemptPart(context, part, body, url);
    signal.throwIfAborted();
    if (end.outcome === "preempted") return false;
    await conclude(context, part, end);
  }
  return true;
}

async function conclude(context: SenderContext, part: Part, end: AttemptEnd): Promise<void> {
  const { attempts, clock, concurrency, connection, log, parts } = context;
  if (end.status !== 0) {
    connection.answered(end.startedAt);
    connection.reachStore();
  } else if (attempts.size === 0) connection.loseStore();
  if (end.outcome === "sent") {
    log.block = undefined;
    concurrency.project(parts.partSizeBytes, parts.answerRate);
    return concurrency.partSent(clock.now() - end.startedAt);
  }
  log.counts.retries += 1;
  switch (decidePart(end.status, end.storeCode)) {
    case "retry":
      return retry(context, part, end);
    case "renew":
      return renewUrl(context, part, end);
    case "rehash":
      return rehash(context, part, end);
    default:
      throw new UploadFailed(storeRefusal(end.status, end.storeCode));
  }
}

async function retry(context: SenderContext, part: Part, end: AttemptEnd): Promise<void> {
  const { budget, clock, concurrency, connection, log, urls } = context;
  const isStalled = end.outcome === "stalled";
  if (isStalled) log.counts.stalls += 1;
  part.stalls = isStalled || end.storeCode === "RequestTimeout" ? part.stalls + 1 : 0;
  if (suggestsBadSlice(part, end)) await readBodiesIfApiAnswers(context);
  if (end.status === 0) {
    // A file that changed on disk breaks or stalls the request as a bad connection does.
    // While the disk does not answer, nothing says that the network is broken.
    if ((await verifyFile(context)) === null) budget.renew();
    await findBlock(context, part, end);
    // An expired URL may look like a broken connection (Ceph refuses the preflight request). By our clock it is still
    // valid, so one new URL is enough. Nothing waits for it, because the API may be unreachable too.
    if (part.failures === 1 && !isStalled) urls.refresh(part.number);
  }
  if (end.status === 0 && connection.failedOffline()) return budget.renew();
  if (isStalled || end.status === 429 || end.status === 503) concurrency.reduce(clock.now());
  return retryLater(context, part, end);
}

/** The body stopped short, or its answer never came. After sleep or an outage the old connection is the reason. */
function suggestsBadSlice({ stalls }: Part, { isBodySent, isShortened, storeCode }: AttemptEnd): boolean {
  return storeCode === "IncompleteBody" || (!isShortened && stalls > (isBodySent ? 0 : 1));
}

/** If the API answers now, the network works, and slices of the file may be the reason. */
async function readBodiesIfApiAnswers(context: SenderContext): Promise<void> {
  const { clock, log, ports, signal } = context;
  if (ports.bodyMode.readsBodies) return;
  const status = await within(context, API_ANSWER_MS, ports.api.health(signal));
  signal.throwIfAborted();
  if (!status || ports.bodyMode.readsBodies) return;
  ports.bodyMode.readsBodies = true;
  log.note(clock.now(), "from now on, parts are sent as bytes and not as slices");
}

async function renewUrl(context: SenderContext, part: Part, end: AttemptEnd): Promise<void> {
  const { clock, urls } = context;
  const { expiresAt, signedAt } = end.url;
  urls.invalidate([part.number]);
  // If it expired on the way, this is no refusal.
  if (clock.now() >= expiresAt) return retryLater(context, part, end);
  part.refusals += 1;
  const isYoung = clock.now() - signedAt < YOUNG_URL_MS;
  if (part.refusals < MAX_REFUSALS && !(part.refusals > 1 && isYoung)) return;
  // The API has signed again since the first refusal, so it neither completed nor removed the upload.
  throw LOST_CODES.includes(end.storeCode ?? "")
    ? new UploadLost()
    : new UploadFailed(storeRefusal(end.status, end.storeCode));
}

async function rehash(context: SenderContext, part: Part, end: AttemptEnd): Promise<void> {
  await verifyFile(context);
  part.isMd5Doubted = true;
  part.corruptions += 1;
  if (part.corruptions >= MAX_CORRUPTIONS) throw new UploadFailed(dataCorrupted());
  context.urls.invalidate([part.number]);
  return retryLater(context, part, end);
}

async function retryLater(context: SenderContext, part: Part, end: AttemptEnd): Promise<void> {
  part.failures += 1;
  if (context.budget.isSpent(part.failures))
    throw new UploadFailed(context.log.block ?? networkFailure("storage", end.status));
  await pause(context, part.failures, end);
}
