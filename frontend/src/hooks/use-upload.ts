// The one bridge between React and the upload engine.
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { createBrowserUploader } from "@/lib/upload/browser-upload";
import type { UploadPolicy, UploadState } from "@/lib/upload/types";

export type Uploader = ReturnType<typeof createBrowserUploader>;

const IDLE: UploadState = { status: "idle" };
const neverChanges = () => () => {};
const idle = () => IDLE;

export interface Upload {
  readonly state: UploadState;
  /** Null until the policy is known. */
  readonly uploader: Uploader | null;
}

/** Makes the engine once the policy is known, lets it go with the component, and renders each of its states. */
export function useUpload(policy: UploadPolicy | undefined): Upload {
  const [uploader, setUploader] = useState<Uploader | null>(null);

  useEffect(() => {
    if (policy === undefined) return;
    const created = createBrowserUploader(policy);
    setUploader(created);
    return () => {
      setUploader(null);
      created.dispose();
    };
  }, [policy]);

  const subscribe = useCallback(
    (changed: () => void) => uploader?.subscribe(changed) ?? neverChanges(),
    [uploader],
  );
  const getState = useCallback(() => uploader?.getState() ?? IDLE, [uploader]);
  return { state: useSyncExternalStore(subscribe, getState, idle), uploader };
}

/** True from the chosen file until the upload has ended one way or another. */
export function isActive(state: UploadState): boolean {
  switch (state.status) {
    case "checking":
    case "starting":
    case "sending":
    case "assembling":
      return true;
    case "idle":
    case "done":
    case "failed":
    case "aborted":
      return false;
    default:
      return state satisfies never;
  }
}

/** The video this page is working on: being sent, or interrupted and waiting for a decision. */
export type HeldVideo = { readonly id: string; readonly how: "sending" | "interrupted" };

export function heldVideo(state: UploadState): HeldVideo | null {
  if (state.status === "sending" || state.status === "assembling")
    return { id: state.videoId, how: "sending" };
  if (state.status === "failed" && state.videoId !== null && state.error.retryable) {
    return { id: state.videoId, how: "interrupted" };
  }
  return null;
}
