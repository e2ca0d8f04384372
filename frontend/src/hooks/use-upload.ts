// Connects React to the upload engine.
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import { createBrowserUploader } from "@/lib/upload/browser/browser-upload";
import { IDLE } from "@/lib/upload/rules/upload-state";
import type { UploadPolicy, UploadState } from "@/lib/upload/types";

export type Uploader = ReturnType<typeof createBrowserUploader>;

const neverChanges = () => () => {};
const idle = () => IDLE;

export interface Upload {
  readonly state: UploadState;
  /** Null until the policy is known. */
  readonly uploader: Uploader | null;
}

/** Create the engine once the policy is known, dispose of it with the component, and render each state. */
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

/** The video that this page is sending, or whose failed upload the user may retry. */
export type HeldVideo = { readonly id: string; readonly how: "sending" | "interrupted" };

export function heldVideo(state: UploadState): HeldVideo | null {
  if (state.status === "sending" || state.status === "assembling")
    return { id: state.videoId, how: "sending" };
  if (state.status === "failed" && state.videoId !== null && state.error.retryable) {
    return { id: state.videoId, how: "interrupted" };
  }
  return null;
}
