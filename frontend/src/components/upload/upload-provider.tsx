// Keeps the one upload alive above all pages, so that moving about the site does not end it.
"use client";

import { useQueryClient } from "@tanstack/react-query";
import { usePathname, useRouter } from "next/navigation";
import {
  createContext,
  type ReactNode,
  useContext,
  useEffect,
  useEffectEvent,
  useRef,
  useState,
} from "react";
import { useAnnounce } from "@/components/announcer";
import { SignInAgainDialog } from "@/components/auth/sign-in-again-dialog";
import { type Dropped, useFileDrop } from "@/hooks/use-file-drop";
import { SESSION_KEY, type Session, useSession } from "@/hooks/use-session";
import { heldVideo, isActive, type Upload, useUpload } from "@/hooks/use-upload";
import { useUploadPolicy } from "@/hooks/use-upload-policy";
import { forgetListed, videoKeys } from "@/hooks/use-videos";
import type { UploadState } from "@/lib/upload/types";
import { chooseFile } from "./choose-file";
import { DropOverlay } from "./drop-overlay";
import { uploadAnnouncement } from "./upload-announcement";

export interface CurrentUpload extends Upload {
  /** Starts the upload of what was dropped or picked, or says in `notice` why not. */
  readonly offer: (dropped: Dropped) => void;
  readonly notice: string | null;
  /** Opens the sign-in dialog again after it was put off; null while nothing waits for a sign-in. */
  readonly askSignIn: (() => void) | null;
}

const UploadContext = createContext<CurrentUpload | null>(null);

export function useCurrentUpload(): CurrentUpload {
  const upload = useContext(UploadContext);
  if (upload === null) throw new Error("useCurrentUpload needs UploadProvider above it");
  return upload;
}

export function UploadProvider({ children }: { children: ReactNode }) {
  const policy = useUploadPolicy();
  const { state, uploader } = useUpload(policy.data);
  const [notice, setNotice] = useState<string | null>(null);
  const session = useSession();
  const pathname = usePathname();
  const router = useRouter();
  const active = isActive(state);
  const signedOut = session.status === "signed_out";
  const waitsForSignIn = "waiting" in state && state.waiting?.reason === "signed_out";
  const needsSignIn = active && (signedOut || waitsForSignIn);
  const [signInPutOff, setSignInPutOff] = useState(false);
  // Put off is this sign-in, not the next one.
  useEffect(() => {
    if (!needsSignIn) setSignInPutOff(false);
  }, [needsSignIn]);

  useMilestonesAloud(state);
  usePercentInTitle(state.status === "sending" ? state.progress.percent : null);
  useFreshList(state);
  useSessionInStep(session.status, waitsForSignIn, () => uploader?.signedIn());

  const offer = (dropped: Dropped) => {
    const choice = chooseFile(dropped, active);
    setNotice(choice.kind === "refused" ? choice.notice : null);
    if (choice.kind === "accepted") uploader?.start(choice.file);
    // The card that shows how it goes is on the first page.
    if (pathname !== "/") router.push("/");
  };
  const isOver = useFileDrop(session.status === "signed_in" && uploader !== null ? offer : null);
  useEffect(() => {
    if (isOver) uploader?.warmUp();
  }, [isOver, uploader]);

  // A notice about a drop has done its work once the upload has moved on.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the status is the trigger.
  useEffect(() => setNotice(null), [state.status]);

  // Nobody is signed in and nothing runs: what the last user uploaded is not the next one's business.
  useEffect(() => {
    if (signedOut && !active) uploader?.reset();
  }, [signedOut, active, uploader]);

  return (
    <UploadContext
      value={{ state, uploader, offer, notice, askSignIn: needsSignIn ? () => setSignInPutOff(false) : null }}
    >
      {children}
      {isOver && <DropOverlay busy={active} />}
      <SignInAgainDialog
        open={needsSignIn && !signInPutOff}
        onPutOff={() => setSignInPutOff(needsSignIn)}
        onGiveUp={() => uploader?.abort()}
      />
    </UploadContext>
  );
}

/** The engine may be the first to hear that the session has ended, and must hear when there is one again. */
function useSessionInStep(session: Session["status"], waitsForSignIn: boolean, onSignedIn: () => void): void {
  const queryClient = useQueryClient();
  const before = useRef(session);
  const signedIn = useEffectEvent(onSignedIn);

  useEffect(() => {
    if (!waitsForSignIn) return;
    queryClient.setQueryData(SESSION_KEY, null);
    // Somebody may sign in in another tab.
    const askAgain = () => void queryClient.invalidateQueries({ queryKey: SESSION_KEY });
    window.addEventListener("focus", askAgain);
    return () => window.removeEventListener("focus", askAgain);
  }, [queryClient, waitsForSignIn]);

  useEffect(() => {
    if (before.current === "signed_out" && session === "signed_in") signedIn();
    before.current = session;
  }, [session]);
}

function useMilestonesAloud(state: UploadState): void {
  const announce = useAnnounce();
  const sentence = uploadAnnouncement(state);
  useEffect(() => {
    if (sentence !== "") announce(sentence);
  }, [announce, sentence]);
}

const TITLE_PERCENT = /^\d+ % · /;

function usePercentInTitle(percent: number | null): void {
  useEffect(() => {
    if (percent === null) return;
    const prefix = `${percent} % · `;
    const mark = () => {
      if (!document.title.startsWith(prefix))
        document.title = prefix + document.title.replace(TITLE_PERCENT, "");
    };
    mark();
    // Going to another page of the site writes that page's own title.
    const observer = new MutationObserver(mark);
    observer.observe(document.head, { childList: true, characterData: true, subtree: true });
    return () => {
      observer.disconnect();
      document.title = document.title.replace(TITLE_PERCENT, "");
    };
  }, [percent]);
}

// How long the server may take to remove a cancelled upload before the list looks again.
const REMOVAL_MS = 2000;

/** The list learns of the new row, and of its end, without waiting for its next refresh. */
function useFreshList(state: UploadState): void {
  const queryClient = useQueryClient();
  const { status } = state;
  const heldId = heldVideo(state)?.id ?? null;
  const before = useRef<string | null>(null);

  useEffect(() => {
    const lastHeldId = before.current;
    before.current = heldId;
    const refresh = () => void queryClient.invalidateQueries({ queryKey: videoKeys.list });
    const isGoing = heldId === null && lastHeldId !== null && status !== "done";
    if (!isGoing) {
      if (heldId !== null || status === "done") refresh();
      return;
    }
    // Cancelled or given up: the engine removes the video in the background, its row goes at once.
    void forgetListed(queryClient, lastHeldId);
    const timer = setTimeout(refresh, REMOVAL_MS);
    return () => clearTimeout(timer);
  }, [queryClient, status, heldId]);
}
