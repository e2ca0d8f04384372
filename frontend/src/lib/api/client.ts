// Calls the API. Each function resolves to the response body or throws an ApiError.
import createClient from "openapi-fetch";
import { type ListView, viewParameters } from "../list/view";
import { withPresentCookie } from "../present-cookie";
import { publicAddress } from "../public-path";
import { networkError, toApiError } from "./errors";
import type { components, paths } from "./schema";

export type Video = components["schemas"]["VideoOut"];
export type VideoList = components["schemas"]["VideoListOut"];
export type VideoChanges = components["schemas"]["VideoChangesOut"];
export type User = components["schemas"]["UserOut"];
export type UploadPolicy = components["schemas"]["UploadPolicyOut"];
export type Registration = components["schemas"]["RegisterIn"];
export type Credentials = components["schemas"]["LoginIn"];
export type NewPassword = components["schemas"]["PasswordIn"];
export type SignedInSession = components["schemas"]["SessionOut"];

/** The most videos that the API lists at once. */
const LIST_PAGE = 100;

// The page and the API share one origin, so the browser sends the session cookie.
const http = createClient<paths>({ baseUrl: publicAddress(""), credentials: "same-origin", fetch: send });

function send(request: Request): Promise<Response> {
  // A body can be read once. Signed-out visitors ask who is signed in, and would ask it twice.
  const isRepeatable = ["GET", "DELETE"].includes(request.method) && !request.url.endsWith("/auth/me");
  return isRepeatable ? withPresentCookie(() => fetch(request)) : fetch(request);
}

export const api = {
  register: (body: Registration): Promise<User> => answer(http.POST("/api/v1/auth/register", { body })),
  signIn: (body: Credentials): Promise<User> => answer(http.POST("/api/v1/auth/login", { body })),
  signOut: (): Promise<void> => done(http.POST("/api/v1/auth/logout")),
  me: (signal: AbortSignal): Promise<User> => answer(http.GET("/api/v1/auth/me", { signal })),
  rename: (full_name: string | null): Promise<User> =>
    answer(http.PATCH("/api/v1/auth/me", { body: { full_name } })),
  deleteAccount: (password: string): Promise<void> =>
    done(http.POST("/api/v1/auth/me/delete", { body: { password } })),
  changePassword: (body: NewPassword): Promise<void> => done(http.POST("/api/v1/auth/password", { body })),
  listSessions: async (signal: AbortSignal): Promise<SignedInSession[]> =>
    (await answer(http.GET("/api/v1/auth/sessions", { signal }))).items,
  endSession: (id: string, password: string): Promise<void> =>
    done(
      http.POST("/api/v1/auth/sessions/{session_id}/end", {
        params: { path: { session_id: id } },
        body: { password },
      }),
    ),
  endOtherSessions: (password: string): Promise<void> =>
    done(http.POST("/api/v1/auth/sessions/end-others", { body: { password } })),
  uploadPolicy: (signal: AbortSignal): Promise<UploadPolicy> =>
    answer(http.GET("/api/v1/upload-policy", { signal })),
  listVideos: (view: ListView, cursor: string | null, signal: AbortSignal): Promise<VideoList> => {
    const query = { ...viewParameters(view), limit: LIST_PAGE, ...(cursor === null ? {} : { cursor }) };
    return answer(http.GET("/api/v1/videos", { params: { query }, signal }));
  },
  listChanges: (since: string, signal: AbortSignal): Promise<VideoChanges> =>
    answer(http.GET("/api/v1/videos/changes", { params: { query: { since } }, signal })),
  getVideo: (id: string, signal: AbortSignal): Promise<Video> =>
    answer(http.GET("/api/v1/videos/{video_id}", { params: { path: { video_id: id } }, signal })),
  deleteVideo: (id: string): Promise<void> =>
    done(http.DELETE("/api/v1/videos/{video_id}", { params: { path: { video_id: id } } })),
  /** Return for how many seconds all of these videos can be restored. */
  removeVideos: async (ids: readonly string[]): Promise<number> => {
    let seconds = Number.POSITIVE_INFINITY;
    for (const some of inGroups(ids)) {
      const asked = performance.now();
      const removed = await answer(http.POST("/api/v1/videos/remove", { body: { ids: some } }));
      seconds = Math.min(seconds - (performance.now() - asked) / 1000, removed.undo_seconds);
    }
    return seconds;
  },
  restoreVideos: async (ids: readonly string[]): Promise<Video[]> => {
    const restored: Video[] = [];
    for (const some of inGroups(ids)) {
      restored.push(...(await answer(http.POST("/api/v1/videos/restore", { body: { ids: some } }))).items);
    }
    return restored;
  },
};

// The most videos that the API removes or restores at once.
const GROUP = 100;

function inGroups(ids: readonly string[]): string[][] {
  const starts = Array.from({ length: Math.ceil(ids.length / GROUP) }, (_, index) => index * GROUP);
  return starts.map((start) => ids.slice(start, start + GROUP));
}

interface Result<T> {
  data?: T;
  error?: unknown;
  response: Response;
}

async function answer<T>(request: Promise<Result<T>>): Promise<T> {
  const result = await settled(request);
  if (result.data === undefined) throw toApiError(result.response, result.error);
  return result.data;
}

async function done(request: Promise<Result<unknown>>): Promise<void> {
  const result = await settled(request);
  if (!result.response.ok) throw toApiError(result.response, result.error);
}

async function settled<T>(request: Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await request;
  } catch (cause) {
    // The page cancelled this request itself.
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw networkError();
  }
}
