// Answers the page's requests of the API without a network.
import type { ApiErrorCode } from "@/lib/api/errors";

/** By method and path, for example "POST /api/v1/auth/login". */
export type Answers = Readonly<Record<string, Answer>>;
type Answer = { readonly status: number; readonly body: object };

export function refusal(status: number, code: ApiErrorCode, facts: object = {}): Answer {
  return { status, body: { code, detail: "-", request_id: "01hx4m6v", ...facts } };
}

/** Give these answers until the returned function is called. Other requests of the API get none. */
export function answerWith(answers: Answers): () => void {
  const network = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    const { pathname } = new URL(input instanceof Request ? input.url : input, location.href);
    if (!pathname.startsWith("/api/")) return network(input, init);
    const answer = answers[`${init?.method ?? "GET"} ${pathname}`];
    return answer === undefined
      ? new Promise(() => {})
      : Promise.resolve(Response.json(answer.body, { status: answer.status }));
  };
  return () => {
    globalThis.fetch = network;
  };
}
