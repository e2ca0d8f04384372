// Sends a request whose path, parameters, body and answer are those of the contract.
import type {
  FilterKeys,
  PathsWithMethod,
  RequestBodyJSON,
  SuccessResponseJSON,
} from "openapi-typescript-helpers";
import { withPresentCookie } from "../present-cookie";
import { publicAddress } from "../public-path";
import { networkError, toApiError } from "./errors";
import type { paths } from "./schema";

type Method = "get" | "post" | "patch" | "delete";

/** What the contract asks for, as far as this site uses it. */
type Given<Operation> = {
  readonly [Part in "path" | "query"]?: FilterKeys<FilterKeys<Operation, "parameters">, Part>;
} & { readonly body?: RequestBodyJSON<Operation>; readonly signal?: AbortSignal };

interface Loose {
  readonly path?: Readonly<Record<string, unknown>>;
  readonly query?: object;
  readonly body?: unknown;
  readonly signal?: AbortSignal;
}

/** Return the answer's body, which is undefined if the contract knows none. Throw an ApiError otherwise. */
export async function request<M extends Method, P extends PathsWithMethod<paths, M>>(
  method: M,
  path: P,
  given: Given<paths[P][M]> = {},
): Promise<SuccessResponseJSON<paths[P][M] & {}>> {
  const { path: values = {}, query = {}, body, signal } = given as Loose;
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(String(values[name])));
  const send = () =>
    fetch(publicAddress(filled) + search(query), {
      method: method.toUpperCase(),
      // The page and the API share one origin, so the browser sends the session cookie.
      credentials: "same-origin",
      ...(body === undefined
        ? {}
        : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }),
      signal: signal ?? null,
    });
  const response = await withPresentCookie(send).catch(asNetworkError);
  const answer = parsed(await response.text().catch(asNetworkError));
  if (!response.ok) throw toApiError(response, answer);
  // A captive portal answers 200 with a page of its own. Another attempt may reach the API.
  if (answer === undefined && response.status !== 204) throw networkError();
  return answer;
}

function asNetworkError(cause: unknown): never {
  // The page cancelled this request itself.
  if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
  throw networkError();
}

/** A list is the same name several times. */
function search(query: object): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    [value].flat().map((each) => [name, String(each)]),
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

// The contract's tests compare answers with schema.d.ts.
function parsed(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
