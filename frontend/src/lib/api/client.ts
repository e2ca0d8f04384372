// Calls the API. Each function resolves to the response body or throws an ApiError.
import { type ListView, viewParameters } from "../list/view";
import { request } from "./request";
import type { components } from "./schema";

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

export const api = {
  register: (body: Registration): Promise<User> => request("post", "/api/v1/auth/register", { body }),
  signIn: (body: Credentials): Promise<User> => request("post", "/api/v1/auth/login", { body }),
  signOut: (): Promise<void> => request("post", "/api/v1/auth/logout"),
  me: (signal: AbortSignal): Promise<User> => request("get", "/api/v1/auth/me", { signal }),
  /** Return who is signed in, or null. A browser shows an answer with 401 as an error in its console. */
  signedIn: async (signal: AbortSignal): Promise<User | null> =>
    (await request("get", "/api/v1/auth/session", { signal })).user,
  rename: (full_name: string | null): Promise<User> =>
    request("patch", "/api/v1/auth/me", { body: { full_name } }),
  deleteAccount: (password: string): Promise<void> =>
    request("post", "/api/v1/auth/me/delete", { body: { password } }),
  changePassword: (body: NewPassword): Promise<void> => request("post", "/api/v1/auth/password", { body }),
  listSessions: async (signal: AbortSignal): Promise<SignedInSession[]> =>
    (await request("get", "/api/v1/auth/sessions", { signal })).items,
  endSession: (id: string, password: string): Promise<void> =>
    request("post", "/api/v1/auth/sessions/{session_id}/end", {
      path: { session_id: id },
      body: { password },
    }),
  endOtherSessions: (password: string): Promise<void> =>
    request("post", "/api/v1/auth/sessions/end-others", { body: { password } }),
  uploadPolicy: (signal: AbortSignal): Promise<UploadPolicy> =>
    request("get", "/api/v1/upload-policy", { signal }),
  listVideos: (view: ListView, cursor: string | null, signal: AbortSignal): Promise<VideoList> => {
    const query = { ...viewParameters(view), limit: LIST_PAGE, ...(cursor === null ? {} : { cursor }) };
    return request("get", "/api/v1/videos", { query, signal });
  },
  listChanges: (since: string, signal: AbortSignal): Promise<VideoChanges> =>
    request("get", "/api/v1/videos/changes", { query: { since }, signal }),
  getVideo: (id: string, signal: AbortSignal): Promise<Video> =>
    request("get", "/api/v1/videos/{video_id}", { path: { video_id: id }, signal }),
  deleteVideo: (id: string): Promise<void> =>
    request("delete", "/api/v1/videos/{video_id}", { path: { video_id: id } }),
  /** Remove the videos of one of `inGroups`. Return for how many seconds they can be restored. */
  removeVideos: async (ids: string[]): Promise<number> =>
    (await request("post", "/api/v1/videos/remove", { body: { ids } })).undo_seconds,
  restoreVideos: async (ids: readonly string[]): Promise<Video[]> => {
    const restored: Video[] = [];
    for (const some of inGroups(ids)) {
      restored.push(...(await request("post", "/api/v1/videos/restore", { body: { ids: some } })).items);
    }
    return restored;
  },
};

// The most videos that the API removes or restores at once.
const GROUP = 100;

export function inGroups<T>(all: readonly T[]): T[][] {
  const starts = Array.from({ length: Math.ceil(all.length / GROUP) }, (_, index) => index * GROUP);
  return starts.map((start) => all.slice(start, start + GROUP));
}
