// Keeps the one upload above all pages, so that navigating does not end it.
"use client";

import { useQueryClient } from "@tanstack/react-query";
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
import { usePathname, useRouter } from "@/hooks/use-site-navigation";
import { heldVideo, type Upload, useUpload } from "@/hooks/use-upload";
import { useUploadPolicy } from "@/hooks/use-upload-policy";
import { forgetListed, videoKeys } from "@/hooks/use-videos";
import { isRunning } from "@/lib/upload/rules/upload-state";
import type { UploadState } from "@/lib/upload/types";
import { chooseFile } from "./choose-file";
import { DropOverlay } from "./drop-overlay";
import { uploadAnnouncement } from "./upload-announcement";

export interface CurrentUpload extends Upload {
  /** Start the upload of a dropped or chosen file, or explain the refusal in `notice`. */
  readonly offer: (dropped: Dropped) => void;
  readonly notice: string | null;
  /** Open the sign-in dialog again after the user closed it. Null if the upload needs no sign-in. */
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
  const active = isRunning(state);
  const signedOut = session.status === "signed_out";
  const waitsForSignIn = "waiting" in state && state.waiting?.reason === "signed_out";
  const needsSignIn = active && (signedOut || waitsForSignIn);
  const [signInClosed, setSignInClosed] = useState(false);
  // Closing the dialog applies to this sign-in only.
  useEffect(() => {
    if (!needsSignIn) setSignInClosed(false);
  }, [needsSignIn]);

  useAnnouncements(state);
  usePercentInTitle(state.status === "sending" ? state.progress.percent : null);
  useFreshList(state);
  useSessionSync(session.status, waitsForSignIn, () => uploader?.signedIn());

  const offer = (dropped: Dropped) => {
    const choice = chooseFile(dropped, active);
    setNotice(choice.kind === "refused" ? choice.notice : null);
    if (choice.kind === "accepted") uploader?.start(choice.file);
    // The upload card is on the first page.
    if (pathname !== "/") router.push("/");
  };
  const isOver = useFileDrop(session.status === "signed_in" && uploader !== null ? offer : null);
  useEffect(() => {
    if (isOver) uploader?.warmUp();
  }, [isOver, uploader]);

  // A notice about a drop is outdated once the upload changes.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the status is the trigger.
  useEffect(() => setNotice(null), [state.status]);

  // The next user must not see the last user's upload.
  useEffect(() => {
    if (signedOut && !active) uploader?.reset();
  }, [signedOut, active, uploader]);

  return (
    <UploadContext
      value={{ state, uploader, offer, notice, askSignIn: needsSignIn ? () => setSignInClosed(false) : null }}
    >
      {children}
      {isOver && <DropOverlay busy={active} />}
      <SignInAgainDialog
        open={needsSignIn && !signInClosed}
        onClose={() => setSignInClosed(needsSignIn)}
        onCancelUpload={() => uploader?.abort()}
      />
    </UploadContext>
  );
}

/** Tell the page that the session ended if the engine finds out first, and tell the engine about the next sign-in. */
function useSessionSync(session: Session["status"], waitsForSignIn: boolean, onSignedIn: () => void): void {
  const queryClient = useQueryClient();
  const before = useRef(session);
  const signedIn = useEffectEvent(onSignedIn);

  useEffect(() => {
    if (!waitsForSignIn) return;
    queryClient.setQueryData(SESSION_KEY, null);
    // The user may sign in in another tab.
    const askAgain = () => void queryClient.invalidateQueries({ queryKey: SESSION_KEY });
    window.addEventListener("focus", askAgain);
    return () => window.removeEventListener("focus", askAgain);
  }, [queryClient, waitsForSignIn]);

  useEffect(() => {
    if (before.current === "signed_out" && session === "signed_in") signedIn();
    before.current = session;
  }, [session]);
}

function useAnnouncements(state: UploadState): void {
  const announce = useAnnounce();
  const sentence = uploadAnnouncement(state);
  useEffect(() => {
    if (sentence !== "") announce(sentence);
  }, [announce, sentence]);
}

const AFTER_PERCENT = " · ";

function usePercentInTitle(percent: number | null): void {
  useEffect(() => {
    if (percent === null) return;
    const mark = () =>
      editTitle((text) => (text.includes(AFTER_PERCENT) ? text : `${percent} %${AFTER_PERCENT}${text}`));
    mark();
    // Navigation replaces the title.
    const observer = new MutationObserver(mark);
    observer.observe(document.head, { childList: true, characterData: true, subtree: true });
    return () => {
      observer.disconnect();
      editTitle((text) => text.split(AFTER_PERCENT).at(-1) ?? text);
    };
  }, [percent]);
}

function editTitle(edit: (text: string) => string): void {
  // A translator may have put an element into the title, which document.title leaves out.
  const title = document.head.querySelector("title");
  const text = title && edit(title.textContent);
  if (title === null || text === null || text === title.textContent) return;
  // Otherwise the translator would fetch each percent anew.
  title.translate = false;
  title.textContent = text;
}

// Time for the server to remove a cancelled upload before the list is fetched again.
const REMOVAL_MS = 2000;

/** Refresh the list when the upload adds or removes a row. */
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
    // The upload was cancelled. Its row goes at once, and the engine removes the video in the background.
    void forgetListed(queryClient, lastHeldId);
    const timer = setTimeout(refresh, REMOVAL_MS);
    return () => clearTimeout(timer);
  }, [queryClient, status, heldId]);
}
