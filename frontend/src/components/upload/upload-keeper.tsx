// Keeps the one upload above all pages, so that navigating does not end it.
"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent, useLayoutEffect, useRef, useState } from "react";
import { useAnnounce } from "@/components/announcer";
import { SignInAgainDialog } from "@/components/auth/sign-in-again-dialog";
import { type Dropped, useFileDrop } from "@/hooks/use-file-drop";
import { useFilePaste } from "@/hooks/use-file-paste";
import { noteSessionEnded, SESSION_KEY, type Session, useSession } from "@/hooks/use-session";
import { usePathname, useRouter } from "@/hooks/use-site-navigation";
import { heldVideo, type Upload, useUpload } from "@/hooks/use-upload";
import { useUploadPolicy } from "@/hooks/use-upload-policy";
import { forgetListed, refreshList } from "@/hooks/use-video-list";
import { isRunning } from "@/lib/upload/rules/upload-state";
import type { UploadState } from "@/lib/upload/types";
import { useVideosText } from "@/text/videos-text";
import { chooseFile, type Refusal } from "./choose-file";
import type { CurrentUpload } from "./current-upload";
import { DropOverlay } from "./drop-overlay";
import { UploadSignals } from "./upload-signals";
import { SILENT, speak } from "./upload-speech";

export function UploadKeeper({ onChange }: { onChange: (current: CurrentUpload) => void }) {
  const policy = useUploadPolicy();
  const [notice, setNotice] = useState<Refusal | null>(null);
  const session = useSession();
  const { state, uploader } = useUpload(policy.data, session.status === "signed_in");
  const pathname = usePathname();
  const router = useRouter();
  const active = isRunning(state);
  const signedOut = session.status === "signed_out";
  const waitsForSignIn = "waiting" in state && state.waiting?.reason === "signed_out";
  const needsSignIn = active && (signedOut || waitsForSignIn);
  const [notifies, setNotifies] = useState(false);
  const [signInClosed, setSignInClosed] = useState(false);
  // Closing the dialog applies to this sign-in only.
  useEffect(() => {
    if (!needsSignIn) setSignInClosed(false);
  }, [needsSignIn]);

  useAnnouncements(state);
  useFreshList(state);
  // Before the engine hears of a sign-in, because the upload of another user must not go on.
  useOwnUpload(session, state, uploader);
  useSessionSync(session.status, waitsForSignIn, uploader);

  const offer = (dropped: Dropped) => {
    const choice = chooseFile(dropped, active);
    setNotice(choice.kind === "refused" ? choice.refusal : null);
    if (choice.kind === "accepted") uploader?.start(choice.file);
    // The upload card is on the first page.
    if (pathname !== "/") router.push("/");
  };
  const takes = session.status === "signed_in" && uploader !== null ? offer : null;
  const isOver = useFileDrop(takes);
  useFilePaste(takes);
  useEffect(() => {
    if (isOver) uploader?.warmUp();
  }, [isOver, uploader]);

  const closeNotice = () => setNotice(null);
  // A notice about a drop is outdated once the upload changes, and two notices would be one too many.
  const waitsFor = "waiting" in state ? state.waiting?.reason : null;
  // biome-ignore lint/correctness/useExhaustiveDependencies: they are the triggers.
  useEffect(() => setNotice(null), [state.status, waitsFor]);

  const current = {
    state,
    uploader,
    offer,
    notice,
    closeNotice,
    notifies,
    setNotifies,
    askSignIn: needsSignIn ? () => setSignInClosed(false) : null,
  };
  // The pages show it with the next paint.
  useLayoutEffect(() => onChange(current));

  return (
    <>
      <UploadSignals state={state} notifies={notifies} />
      {isOver && <DropOverlay busy={active} />}
      <SignInAgainDialog
        open={needsSignIn && !signInClosed}
        onClose={() => setSignInClosed(needsSignIn)}
        onCancelUpload={() => uploader?.abort()}
      />
    </>
  );
}

/**
 * Drop an upload that has ended when its user leaves. The session may end by itself, so an upload that can be tried
 * again waits for its user, as does a running one. Another user never sees either.
 */
function useOwnUpload(session: Session, state: UploadState, uploader: Upload["uploader"]): void {
  const owner = useRef<string | null>(null);
  const userId = session.status === "signed_in" ? session.user.id : null;
  const waits = isRunning(state) || (state.status === "failed" && state.error.retryable);
  const isLeft = session.status === "signed_out" && !waits;

  useEffect(() => {
    if (isLeft) uploader?.reset();
  }, [isLeft, uploader]);
  useEffect(() => {
    if (userId === null) return;
    if (owner.current !== null && owner.current !== userId) uploader?.forget();
    owner.current = userId;
  }, [userId, uploader]);
}

/** Whoever of page and engine finds out first that the session ended tells the other. The page tells of a sign-in. */
function useSessionSync(
  session: Session["status"],
  waitsForSignIn: boolean,
  uploader: Upload["uploader"],
): void {
  const queryClient = useQueryClient();
  const before = useRef(session);
  const tellEngine = useEffectEvent((isIn: boolean) => (isIn ? uploader?.signedIn() : uploader?.signedOut()));

  useEffect(() => {
    if (!waitsForSignIn) return;
    // The page may have known it before, and the answer to a new sign-in must stay.
    if (before.current !== "signed_out") noteSessionEnded(queryClient);
    // The user may sign in in another tab.
    const askAgain = () => void queryClient.invalidateQueries({ queryKey: SESSION_KEY });
    window.addEventListener("focus", askAgain);
    return () => window.removeEventListener("focus", askAgain);
  }, [queryClient, waitsForSignIn]);

  useEffect(() => {
    if (session === "signed_out") tellEngine(false);
    else if (before.current === "signed_out" && session === "signed_in") tellEngine(true);
    before.current = session;
  }, [session]);
}

function useAnnouncements(state: UploadState): void {
  const t = useVideosText();
  const announce = useAnnounce();
  const speech = useRef(SILENT);
  useEffect(() => {
    speech.current = speak(t, speech.current, state);
    if (speech.current.sentence !== null) announce(speech.current.sentence);
  }, [t, announce, state]);
}

// Time for the server to remove a cancelled upload before the list is fetched again.
const REMOVAL_MS = 2000;

/** Refresh the list when the upload adds or removes a row, and the space used when it ends. */
function useFreshList(state: UploadState): void {
  const queryClient = useQueryClient();
  const { status } = state;
  const heldId = heldVideo(state)?.id ?? null;
  const before = useRef<string | null>(null);

  useEffect(() => {
    const lastHeldId = before.current;
    before.current = heldId;
    const refresh = () => refreshList(queryClient);
    // The account tells how much space is used.
    if (status === "done") void queryClient.invalidateQueries({ queryKey: SESSION_KEY });
    const isGoing = heldId === null && lastHeldId !== null && status !== "done";
    if (!isGoing) {
      if (heldId !== null || status === "done") refresh();
      return;
    }
    // The upload was cancelled. Its row goes at once, and the engine removes the video in the background.
    void forgetListed(queryClient, lastHeldId);
    const timer = setTimeout(refresh, REMOVAL_MS);
    return () => clearTimeout(timer);
  }, [queryClient, status, heldId]);
}
