// One table says what the page says when the API refuses: the code and the place give the sentence and the action.
import type { ApiErrorCode } from "@/lib/api/errors";
import { invalidFields } from "@/lib/refused-fields";
import type { Text } from "./text";

/** Where a code was met. */
export const PLACES = [
  "session", // asking who is signed in
  "sign_in",
  "register",
  "sign_out",
  "password", // changing it
  "sessions", // listing them
  "end_session",
  "name", // of the account
  "delete_account",
  "export", // of the account's data
  "policy", // asking what can be uploaded
  "create", // of an upload, before its first byte
  "send", // after that
  "list",
  "video",
  "follow", // a video that was just uploaded
  "delete",
] as const;
export type Place = (typeof PLACES)[number];

/** What the page offers with the sentence. */
export type Action =
  | "retry" // the same again
  | "make_room" // by deleting videos
  | "reload" // the page, which is older than the server
  | "leave" // the thing is gone
  | "none"; // the sentence says what to do

/** What a sentence may name. Null is unknown. */
interface ProblemFacts {
  readonly status: string;
  readonly limit: string | null;
  readonly used: string | null;
  readonly quota: string | null;
  readonly videos: string | null;
  /** How long to wait, for example "40 seconds". */
  readonly wait: string | null;
  /** The first field that the API refused, by its name there. */
  readonly field: string | null;
}

type Say = string | ((facts: ProblemFacts) => string);
/** A place without a sentence of its own has that of `else`. */
type Sentences = Partial<Record<Place, Say>> & { readonly else: Say };
export type ProblemWords = Readonly<Record<ApiErrorCode, Sentences>>;

const ACTIONS: Readonly<Record<ApiErrorCode, Action | (Partial<Record<Place, Action>> & { else: Action })>> =
  {
    body_too_large: "reload",
    content_type_mismatch: "none",
    csrf_rejected: "none",
    database_unavailable: "retry",
    email_taken: "none",
    file_empty: "none",
    file_too_large: "none",
    filename_invalid: "none",
    idempotency_conflict: "none",
    installation_full: "make_room",
    internal_error: "retry",
    invalid_credentials: "none",
    malformed_request: "reload",
    method_not_allowed: "reload",
    network: "retry",
    not_authenticated: "none",
    not_found: { end_session: "leave", else: "reload" },
    overloaded: "retry",
    parts_incomplete: "none",
    password_too_weak: "none",
    quota_exceeded: "make_room",
    rate_limited: "retry",
    registration_closed: "none",
    storage_unavailable: "retry",
    too_many_accounts: "none",
    too_many_uploads: "make_room",
    too_many_videos: "make_room",
    unreadable_answer: "retry",
    unsupported_container: "none",
    validation_error: {
      sign_in: "none",
      register: "none",
      password: "none",
      name: "none",
      video: "leave",
      else: "reload",
    },
    video_not_found: { create: "retry", send: "retry", else: "leave" },
    wrong_state: "retry",
  };

export const API_CODES = Object.keys(ACTIONS) as readonly ApiErrorCode[];

export function isApiCode(code: string): code is ApiErrorCode {
  return Object.hasOwn(ACTIONS, code);
}

export interface Refusal {
  /** One of the API, or of a newer API. */
  readonly code: string;
  readonly status: number;
  /** The fields of the API's error. */
  readonly facts: object;
  readonly retryAfterSeconds: number | null;
}

export interface Problem {
  readonly sentence: string;
  readonly action: Action;
}

export function problemOf(t: Text, refusal: Refusal, place: Place): Problem {
  const code = isApiCode(refusal.code) ? refusal.code : "unreadable_answer";
  const words: Sentences = t.problems[code];
  const say = words[place] ?? words.else;
  const actions = ACTIONS[code];
  return {
    sentence: typeof say === "string" ? say : say(factsOf(t, refusal)),
    action: typeof actions === "string" ? actions : (actions[place] ?? actions.else),
  };
}

function factsOf({ format }: Text, { facts, status, retryAfterSeconds }: Refusal): ProblemFacts {
  const { limit_bytes, used_bytes, quota_bytes, limit_videos } = facts as Readonly<Record<string, unknown>>;
  const shown = (value: unknown, show: (count: number) => string) =>
    typeof value === "number" ? show(value) : null;
  return {
    status: String(status),
    limit: shown(limit_bytes, format.bytes),
    used: shown(used_bytes, format.bytes),
    quota: shown(quota_bytes, format.bytes),
    videos: shown(limit_videos, format.number),
    wait: shown(retryAfterSeconds, format.wait),
    field: invalidFields(facts)[0] ?? null,
  };
}
