// The abort signals of one test, to find listeners that were not removed.
import { getEventListeners } from "node:events";

const watchedSignals = new Set<AbortSignal>();

export function watchSignal(signal: AbortSignal): void {
  watchedSignals.add(signal);
}

export function forgetSignals(): void {
  watchedSignals.clear();
}

export function countListeners(): number {
  return [...watchedSignals].reduce((sum, signal) => sum + getEventListeners(signal, "abort").length, 0);
}
