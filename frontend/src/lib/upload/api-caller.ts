// Calls the API and does not give up: back-off, Retry-After, offline, and a session that ended in between.

import type { Connection, WaitBoard } from "./connection";
import type { Bell } from "./delays";
import type { Clock, PartAnswer } from "./ports";
import { ApiFailure } from "./rules/errors";
import type { RetryBudget } from "./rules/retry";
import { backoffMs, judgeCall, MAX_FAILURES } from "./rules/retry";
import type { UploadLog } from "./telemetry";

/** What everything within one run shares. */
export interface RunContext {
  readonly clock: Clock;
  readonly bell: Bell;
  readonly board: WaitBoard;
  readonly connection: Connection;
  readonly retryBudget: RetryBudget;
  readonly log: UploadLog;
  readonly random: () => number;
  readonly signal: AbortSignal;
}

/** The pause before another try. */
export async function pause(
  { bell, board, random, signal }: RunContext,
  failures: number,
  { status, retryAfterSeconds }: Pick<PartAnswer, "status" | "retryAfterSeconds">,
): Promise<void> {
  const ms = backoffMs(failures, random, retryAfterSeconds);
  await board.during("retrying", failures + 1, ms, bell.wait(ms, signal, status === 0));
}

export function createApiCaller(context: RunContext) {
  const { board, bell, clock, connection, log, retryBudget, signal } = context;
  let sessions = 0;

  function signedIn(): void {
    sessions += 1;
    bell.ring();
  }

  /** `isPatient` false: with nothing sent yet there is nothing to lose, so eight failures are enough. */
  async function call<T>(name: string, isPatient: boolean, request: () => Promise<T>): Promise<T> {
    let failures = 0;
    for (;;) {
      await connection.ready(signal);
      signal.throwIfAborted();
      const askedAt = clock.now();
      const session = sessions;
      try {
        const answer = await request();
        connection.answered(askedAt);
        return answer;
      } catch (reason) {
        signal.throwIfAborted();
        if (!(reason instanceof ApiFailure)) throw reason;
        log.call(clock.now(), name, reason);
        if (reason.status !== 0) connection.answered(askedAt);
        const verdict = judgeCall(reason.status);
        if (verdict === "final") throw reason;
        if (verdict === "sign_in") {
          await waitForSession(session);
          continue;
        }
        if (reason.status === 0 && connection.broke()) {
          retryBudget.renew();
          continue;
        }
        failures += 1;
        log.retries += 1;
        if (isPatient ? retryBudget.isOver(failures) : failures >= MAX_FAILURES) throw reason;
        await pause(context, failures, reason);
      }
    }
  }

  /** `seen`: a sign-in while the request was on its way needs no other. */
  async function waitForSession(seen: number): Promise<void> {
    const signedIn = async () => {
      while (sessions === seen && !signal.aborted) await bell.wait(null, signal);
    };
    // Not even for a moment else: the page takes "signed out" for the end of the new session.
    if (sessions === seen) await board.during("signed_out", 0, 0, signedIn());
    retryBudget.renew();
  }

  return { signedIn, call };
}

export type ApiCaller = ReturnType<typeof createApiCaller>;
