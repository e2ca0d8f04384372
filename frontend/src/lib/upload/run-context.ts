// What the modules of one run share.
import { type Connection, createConnection } from "./connection";
import { createDelays, type Delays } from "./delays";
import { createHashAhead, type HashAhead } from "./hash-ahead";
import type { Clock, UploaderOptions, UploaderPorts } from "./ports";
import { createRetryBudget, type RetryBudget } from "./rules/retry";
import type { UploadEvent } from "./rules/upload-state";
import { createTicker, type Ticker } from "./ticker";
import type { UploadPolicy } from "./types";
import type { UploadJob } from "./upload-job";
import type { UploadLog } from "./upload-log";
import { type Activity, createWaitStatus, type WaitStatus } from "./wait-status";

/** Everything the run is given, with the signal that stops it. */
export interface RunInput {
  readonly job: UploadJob;
  readonly ports: UploaderPorts;
  readonly policy: UploadPolicy;
  readonly options: UploaderOptions;
  readonly emit: (event: UploadEvent) => void;
  readonly signal: AbortSignal;
}

export interface RunContext extends RunInput {
  readonly clock: Clock;
  readonly log: UploadLog;
  readonly activity: Activity;
  readonly delays: Delays;
  readonly ticker: Ticker;
  readonly budget: RetryBudget;
  readonly connection: Connection;
  readonly waits: WaitStatus;
  /** Null sends the parts without MD5. */
  readonly hashes: HashAhead | null;
  /** Counts the sign-ins, so that a call waits for a new one only. */
  readonly session: { signIns: number };
}

export function createRunContext(input: RunInput): RunContext {
  const { emit, job, options, ports, signal } = input;
  const { clock, hasher, network } = ports;
  const activity = { isSending: false, partsInFlight: 0, silentMs: 0 };
  const delays = createDelays(clock);
  const ticker = createTicker(clock);
  const connection = createConnection(network, clock, delays);
  const noHashes = () => job.log.note(clock.now(), "no hashes: the parts are sent without MD5");
  return {
    ...input,
    clock,
    log: job.log,
    activity,
    delays,
    ticker,
    budget: createRetryBudget(ticker.awakeMs),
    connection,
    waits: createWaitStatus(clock, connection, activity, emit),
    hashes: options.integrity === false ? null : createHashAhead(hasher, clock, job.file, signal, noHashes),
    session: { signIns: 0 },
  };
}
