// Pauses between attempts, and API calls that are repeated until they are answered.
import type { PartAnswer } from "./ports";
import { ApiFailure } from "./rules/errors";
import { backoffMs, decideCall, MAX_FAILURES } from "./rules/retry";
import type { RunContext } from "./run-context";
import type { RetryCause } from "./types";

/** `navigator.onLine` may be false for ever (a machine with loopback alone), so one attempt is made this often. */
const PROBE_MS = 30_000;

export async function whenOnline({ connection, delays, signal, waits }: RunContext): Promise<void> {
  if (connection.isOffline()) await waits.during("offline", delays.wait(PROBE_MS, signal, true));
  signal.throwIfAborted();
}

/** The back-off before another attempt. If there was no answer at all, the network's return ends it. */
export async function pause(
  { delays, ports, signal, waits }: RunContext,
  failures: number,
  answer: ApiFailure | Pick<PartAnswer, "status" | "retryAfterSeconds">,
  attempt = failures + 1,
): Promise<void> {
  const { status, retryAfterSeconds } = answer;
  const ms = backoffMs(failures, ports.random, retryAfterSeconds);
  const server = answer instanceof ApiFailure ? "slipway" : "storage";
  await waits.beforeRetry(server, delays.wait(ms, signal, status === 0), {
    attempt,
    ms,
    cause: retryCause(answer),
  });
}

function retryCause(answer: ApiFailure | Pick<PartAnswer, "status">): RetryCause {
  if (answer.status === 0) return "no_answer";
  // The page has words for the codes that it knows.
  return answer instanceof ApiFailure ? (answer.code as RetryCause) : "storage";
}

/** `isPatient` is false while nothing has been sent. Nothing is lost then, so MAX_FAILURES are enough. */
export async function callApi<T>(
  context: RunContext,
  name: string,
  isPatient: boolean,
  request: (sentAt: number) => Promise<T>,
): Promise<T> {
  const { budget, clock, connection, log, session, signal, waits } = context;
  let failures = 0;
  for (let attempt = 1; ; attempt += 1) {
    await whenOnline(context);
    if (session.isOut) await whenSignedIn(context, session.signIns);
    signal.throwIfAborted();
    const sentAt = clock.now();
    const { signIns } = session;
    try {
      const answer = await request(sentAt);
      connection.answered(sentAt);
      waits.worked("slipway");
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
      else if (reason.status === 429 && reason.retryAfterSeconds) {
        // The API is well, and says when it takes the same request.
        budget.renew();
        await pause(context, failures, reason, attempt + 1);
      } else {
        failures += 1;
        log.counts.retries += 1;
        if (isPatient ? budget.isSpent(failures) : failures >= MAX_FAILURES) throw reason;
        await pause(context, failures, reason, attempt + 1);
      }
    }
  }
}

/** Wait for another sign-in than the `seen` ones. One during a refused request is enough. */
async function whenSignedIn({ budget, delays, session, signal, waits }: RunContext, seen: number) {
  const signedIn = async () => {
    while (session.signIns === seen && !signal.aborted) await delays.wait(null, signal);
  };
  // Otherwise it is not reported at all, because the page takes "signed out" for the end of the new session.
  if (session.signIns === seen) await waits.during("signed_out", signedIn());
  budget.renew();
}
