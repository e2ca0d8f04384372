// Pauses between attempts, and API calls that are repeated until they are answered.
import type { PartAnswer } from "./ports";
import { ApiFailure } from "./rules/errors";
import { backoffMs, decideCall, MAX_FAILURES } from "./rules/retry";
import type { RunContext } from "./run-context";

/** `navigator.onLine` may be false for ever (a machine with loopback alone), so one attempt is made this often. */
const PROBE_MS = 30_000;

export async function whenOnline({ connection, delays, signal, waits }: RunContext): Promise<void> {
  if (connection.isOffline()) await waits.during("offline", 0, PROBE_MS, delays.wait(PROBE_MS, signal, true));
  signal.throwIfAborted();
}

/** The back-off before another attempt. If there was no answer at all, the network's return ends it. */
export async function pause(
  { delays, ports, signal, waits }: RunContext,
  failures: number,
  { status, retryAfterSeconds }: Pick<PartAnswer, "status" | "retryAfterSeconds">,
): Promise<void> {
  const ms = backoffMs(failures, ports.random, retryAfterSeconds);
  await waits.during("retrying", failures + 1, ms, delays.wait(ms, signal, status === 0));
}

/** `isPatient` is false while nothing has been sent. Nothing is lost then, so eight failures are enough. */
export async function callApi<T>(
  context: RunContext,
  name: string,
  isPatient: boolean,
  request: (sentAt: number) => Promise<T>,
): Promise<T> {
  const { budget, clock, connection, log, session, signal } = context;
  for (let failures = 0; ; ) {
    await whenOnline(context);
    const sentAt = clock.now();
    const { signIns } = session;
    try {
      const answer = await request(sentAt);
      connection.answered(sentAt);
      return answer;
    } catch (reason) {
      signal.throwIfAborted();
      if (!(reason instanceof ApiFailure)) throw reason;
      log.call(clock.now(), name, reason);
      if (reason.status !== 0) connection.answered(sentAt);
      const action = decideCall(reason.status);
      if (action === "fail") throw reason;
      if (action === "sign_in") await whenSignedIn(context, signIns);
      else if (reason.status === 0 && connection.failedOffline()) budget.renew();
      else {
        failures += 1;
        log.counts.retries += 1;
        if (isPatient ? budget.isSpent(failures) : failures >= MAX_FAILURES) throw reason;
        await pause(context, failures, reason);
      }
    }
  }
}

/** A sign-in during the refused request, `seen` before it, is enough. */
async function whenSignedIn({ budget, delays, session, signal, waits }: RunContext, seen: number) {
  const signedIn = async () => {
    while (session.signIns === seen && !signal.aborted) await delays.wait(null, signal);
  };
  // Otherwise it is not reported at all, because the page takes "signed out" for the end of the new session.
  if (session.signIns === seen) await waits.during("signed_out", 0, 0, signedIn());
  budget.renew();
}
