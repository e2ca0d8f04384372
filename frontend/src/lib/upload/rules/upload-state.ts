// The upload's states and the transitions between them.
import type { FileFacts, Progress, UploadFailure, UploadState, Video, Waiting } from "../types";

export type UploadEvent =
  | { readonly type: "chosen"; readonly file: FileFacts }
  | { readonly type: "accepted"; readonly name: string }
  | { readonly type: "waited"; readonly waiting: Waiting | null }
  | { readonly type: "created"; readonly videoId: string; readonly progress: Progress }
  | { readonly type: "progressed"; readonly progress: Progress }
  | { readonly type: "sent" }
  | { readonly type: "found_incomplete" }
  | { readonly type: "completed"; readonly video: Video }
  | {
      readonly type: "failed";
      readonly videoId: string | null;
      readonly error: UploadFailure;
      readonly isLost: boolean;
      readonly mayBeComplete: boolean;
    }
  | { readonly type: "restarted" }
  | { readonly type: "aborted" }
  | { readonly type: "reset" };

export const IDLE: UploadState = { status: "idle" };

type Running = Extract<UploadState, { status: "checking" | "starting" | "sending" | "assembling" }>;

export function isRunning(state: UploadState): state is Running {
  return ["checking", "starting", "sending", "assembling"].includes(state.status);
}

/** Returns the same reference if the event does not fit the state. */
export function reduce(state: UploadState, event: UploadEvent): UploadState {
  switch (event.type) {
    case "chosen":
      return isRunning(state) ? state : { status: "checking", file: event.file };
    case "accepted":
      if (state.status !== "checking") return state;
      return { status: "starting", file: { ...state.file, name: event.name }, waiting: null };
    case "waited":
      if (!("waiting" in state) || isSame(state.waiting, event.waiting)) return state;
      return { ...state, waiting: event.waiting };
    case "created":
      if (state.status !== "starting") return state;
      return {
        ...state,
        status: "sending",
        videoId: event.videoId,
        progress: event.progress,
        waiting: null,
      };
    case "progressed": {
      if (state.status !== "sending") return state;
      const progress = forward(state.progress, event.progress);
      return isSame(progress, state.progress) ? state : { ...state, progress };
    }
    case "sent":
      if (state.status !== "sending") return state;
      return {
        ...state,
        status: "assembling",
        progress: { ...state.progress, etaSeconds: null },
        waiting: null,
      };
    case "found_incomplete":
      return state.status === "assembling" ? { ...state, status: "sending", waiting: null } : state;
    case "completed":
      return state.status === "assembling" ? { status: "done", file: state.file, video: event.video } : state;
    case "failed": {
      if (!isRunning(state)) return state;
      const { videoId, error, mayBeComplete } = event;
      return { status: "failed", file: state.file, videoId, error, mayBeComplete };
    }
    case "restarted":
      return isRunning(state) ? { status: "starting", file: state.file, waiting: null } : state;
    case "aborted":
      // A failed upload may be cancelled too, which removes its video.
      return isRunning(state) || state.status === "failed" ? { status: "aborted", file: state.file } : state;
    case "reset":
      return isRunning(state) ? state : IDLE;
    default:
      return event satisfies never;
  }
}

/** Bytes and percent never run backwards. Speed and time left may. */
function forward(before: Progress, after: Progress): Progress {
  return {
    ...after,
    bytesSent: Math.max(before.bytesSent, after.bytesSent),
    percent: Math.max(before.percent, after.percent),
  };
}

/** Both are plain values whose keys are always in the same order. */
function isSame<T extends Progress | Waiting | null>(a: T, b: T): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
