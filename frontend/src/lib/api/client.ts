// Calls the API. Each function resolves to the response body or throws an ApiError.
import createClient from "openapi-fetch";
import { publicAddress } from "../public-path";
import { networkError, toApiError } from "./errors";
import type { components, paths } from "./schema";

export type Video = components["schemas"]["VideoOut"];
export type VideoList = components["schemas"]["VideoListOut"];
export type User = components["schemas"]["UserOut"];
export type UploadPolicy = components["schemas"]["UploadPolicyOut"];
export type Registration = components["schemas"]["RegisterIn"];
export type Credentials = components["schemas"]["LoginIn"];

// The page and the API share one origin, so the browser sends the session cookie.
const http = createClient<paths>({ baseUrl: publicAddress(""), credentials: "same-origin" });

export const api = {
  register: (body: Registration): Promise<User> => answer(http.POST("/api/v1/auth/register", { body })),
  signIn: (body: Credentials): Promise<User> => answer(http.POST("/api/v1/auth/login", { body })),
  signOut: (): Promise<void> => done(http.POST("/api/v1/auth/logout")),
  me: (signal: AbortSignal): Promise<User> => answer(http.GET("/api/v1/auth/me", { signal })),
  uploadPolicy: (signal: AbortSignal): Promise<UploadPolicy> =>
    answer(http.GET("/api/v1/upload-policy", { signal })),
  listVideos: (cursor: string | null, signal: AbortSignal): Promise<VideoList> =>
    answer(http.GET("/api/v1/videos", { params: { query: cursor === null ? {} : { cursor } }, signal })),
  getVideo: (id: string, signal: AbortSignal): Promise<Video> =>
    answer(http.GET("/api/v1/videos/{video_id}", { params: { path: { video_id: id } }, signal })),
  deleteVideo: (id: string): Promise<void> =>
    done(http.DELETE("/api/v1/videos/{video_id}", { params: { path: { video_id: id } } })),
};

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
