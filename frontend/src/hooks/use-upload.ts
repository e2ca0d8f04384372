// Connects React to the upload engine.
import { useCallback, useEffect, useState, useSyncExternalStore } from "react";
import type { createBrowserUploader } from "@/lib/upload/browser/browser-upload";
import { IDLE } from "@/lib/upload/rules/upload-state";
import type { UploadPolicy, UploadState } from "@/lib/upload/types";

type Engine = ReturnType<typeof createBrowserUploader>;

/** What components ask of the engine. */
export type Uploader = Pick<
  Engine,
  "warmUp" | "start" | "abort" | "retry" | "reset" | "forget" | "signedOut" | "signedIn" | "failureReport"
>;

const neverChanges = () => () => {};
const idle = () => IDLE;

export interface Upload {
  readonly state: UploadState;
  /** Null until the engine is loaded and the policy is known. */
  readonly uploader: Uploader | null;
}

/**
 * Load the engine once somebody has signed in and create it once the policy is known. Dispose of it with the component,
 * and render each state. If the engine doesn't load, rendering fails, as for any other script of the page.
 */
export function useUpload(policy: UploadPolicy | undefined, signedIn: boolean): Upload {
  const [uploader, setUploader] = useState<Engine | null>(null);
  // An upload outlives its session.
  const [wanted, setWanted] = useState(signedIn);
  if (signedIn && !wanted) setWanted(true);

  useEffect(() => {
    if (policy === undefined || !wanted) return;
    let created: Engine | null = null;
    let left = false;
    import("@/lib/upload/browser/browser-upload").then(
      ({ createBrowserUploader }) => {
        if (left) return;
        created = createBrowserUploader(policy);
        setUploader(created);
      },
      (error: unknown) =>
        setUploader(() => {
          throw error;
        }),
    );
    return () => {
      left = true;
      setUploader(null);
      created?.dispose();
    };
  }, [policy, wanted]);

  const subscribe = useCallback(
    (changed: () => void) => uploader?.subscribe(changed) ?? neverChanges(),
    [uploader],
  );
  const getState = useCallback(() => uploader?.getState() ?? IDLE, [uploader]);
  return { state: useSyncExternalStore(subscribe, getState, idle), uploader };
}

/** The video that this page is sending, or whose failed upload the user may retry. */
export type HeldVideo = { readonly id: string; readonly how: "sending" | "assembling" | "interrupted" };

/** Whether the page is still working on the video, so that nothing else may be done with it. */
export function isBusy(how: HeldVideo["how"] | null): how is "sending" | "assembling" {
  return how === "sending" || how === "assembling";
}

export function heldVideo(state: UploadState): HeldVideo | null {
  if (state.status === "sending" || state.status === "assembling")
    return { id: state.videoId, how: state.status };
  if (state.status === "failed" && state.videoId !== null && state.error.retryable) {
    return { id: state.videoId, how: "interrupted" };
  }
  return null;
}
