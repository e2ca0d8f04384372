// What the modules of one run share.
import { createConnection } from "./connection";
import { createDelays } from "./delays";
import { createHashAhead } from "./hash-ahead";
import type { UploaderOptions, UploaderPorts } from "./ports";
import type { Part } from "./rules/part-list";
import { createRetryBudget } from "./rules/retry";
import type { UploadEvent } from "./rules/upload-state";
import { createTicker } from "./ticker";
import type { UploadPolicy } from "./types";
import type { UploadJob } from "./upload-job";
import { createWaitStatus } from "./wait-status";

/** An attempt in flight to send a part. */
export interface Attempt {
  readonly part: Part;
  /** Aborts with the reason "stalled" or "preempted". */
  readonly controller: AbortController;
  readonly startedAt: number;
  lastEventAt: number;
  isBodySent: boolean;
  /** How many attempts there were at once at most. */
  together: number;
  /** Replaces the watchdog's limit after the network came back or the machine woke up. */
  shortLimitMs: number | null;
}

/** What the page tells of its user. */
export interface SessionNews {
  /** Nobody is signed in. */
  isOut: boolean;
  /** Counts the sign-ins, so that a refused call waits for a new one only. */
  signIns: number;
}

export interface RunInput {
  readonly job: UploadJob;
  readonly ports: UploaderPorts;
  readonly policy: UploadPolicy;
  readonly options: UploaderOptions;
  readonly session: Readonly<SessionNews>;
  readonly emit: (event: UploadEvent) => void;
  /** Resolves once the video before this one is removed. */
  readonly removed: Promise<void>;
  /** Aborts when the run ends. */
  readonly signal: AbortSignal;
}

export function createRunContext(input: RunInput) {
  const { emit, job, options, ports, signal } = input;
  const { clock, hasher, network } = ports;
  const attempts = new Set<Attempt>();
  const activity = { isSending: false, silentMs: 0, attempts };
  const delays = createDelays(clock);
  const ticker = createTicker(clock);
  const connection = createConnection(network, clock, delays);
  return {
    ...input,
    clock,
    log: job.log,
    activity,
    attempts,
    delays,
    ticker,
    budget: createRetryBudget(ticker.awakeMs),
    connection,
    waits: createWaitStatus(clock, connection, activity, job.log, emit),
    /** Null sends the parts without MD5. */
    hashes: options.integrity === false ? null : createHashAhead(hasher, clock, job.file, signal),
  };
}

export type RunContext = Readonly<ReturnType<typeof createRunContext>>;
