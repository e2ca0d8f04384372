// Finds out why parts break without an answer while the network works.
import { limitedController } from "./delays";
import type { AttemptContext } from "./part-attempt";
import { BLOCKED_BY_POLICY } from "./ports";
import { blocked } from "./rules/errors";
import type { Part, PartList } from "./rules/part-list";
import type { AttemptEnd } from "./upload-log";

/** After so many quick failures in a row it is looked for. A bad link lets an attempt live longer. */
const MIN_FAILURES = 2;
const QUICK_MS = 20_000;
const LIMIT_MS = 10_000;
const PROBE_BYTES = 1024;

/**
 * Sets `log.block`, which the page shows and the reports name. The server tries the store, and the page sends a small
 * body to the part's URL. The store refuses and keeps nothing of it, because the URL signs another length.
 */
export async function findBlock(
  { clock, log, parts, ports, signal }: AttemptContext,
  part: Part,
  { isBodySent, isShortened, outcome, startedAt, storeCode, url }: AttemptEnd,
): Promise<void> {
  if (storeCode === BLOCKED_BY_POLICY) log.block = blocked("storage_blocked", storeCode);
  if (log.block !== undefined) return;
  const isQuick = clock.now() - startedAt < QUICK_MS;
  // A firewall may drop every packet, so that no byte of a body is taken.
  const isDropped = !isQuick && part.best === 0;
  // Or only large packets, so that every body stands still (RFC 2923), and none ever arrived.
  const standsStill = outcome === "stalled" && !isBodySent && !isShortened;
  const isStuck = standsStill && !isDropped && parts.parts.every(({ isDone }) => !isDone);
  if (!(isQuick ? part.failures >= MIN_FAILURES : isDropped || (isStuck && hasFailed(parts)))) return;
  // The parts that fail in the meantime need not ask too.
  log.block = null;
  const probe = limitedController(clock, signal, LIMIT_MS);
  const ignore = () => undefined;
  const [health, { status }] = await Promise.all([
    ports.api.health(probe.signal),
    ports.transport.put({
      url: url.url,
      body: new Uint8Array(Math.min(PROBE_BYTES, part.size - 1)),
      contentMd5: null,
      signal: probe.signal,
      onProgress: ignore,
      onBodySent: ignore,
    }),
  ]);
  probe.abort();
  // The user may have tried again meanwhile. The log is the new run's then.
  signal.throwIfAborted();
  // Otherwise the network or the store is away.
  if (health !== 200) log.block = undefined;
  else if (status === 0) {
    if (!isStuck) log.block = blocked("storage_blocked");
  } else if (isStuck || (isQuick && !parts.parts.some(({ isDone, size }) => isDone && size >= part.size)))
    log.block = blocked("request_too_large");
}

function hasFailed(parts: PartList): boolean {
  return parts.parts.some(({ failures }) => failures > 0);
}
