// Shows in other tabs how an upload is going: in the title, by the browser's badge, and by a notification.
"use client";

import { useEffect, useEffectEvent, useState } from "react";
import { useMarkInTitle } from "@/hooks/use-page-title";
import { useVideo } from "@/hooks/use-videos";
import type { UploadState, Video } from "@/lib/upload/types";
import { useVideosText } from "@/text/videos-text";
import { type UploadEnd, uploadEnd, uploadMark } from "./upload-mark";

export function UploadSignals({ state, notifies }: { state: UploadState; notifies: boolean }) {
  return state.status === "done" ? (
    <FollowedSignals state={state} video={state.video} notifies={notifies} />
  ) : (
    <Signals state={state} end={uploadEnd(state, null)} notifies={notifies} />
  );
}

function FollowedSignals({
  state,
  video,
  notifies,
}: {
  state: UploadState;
  video: Video;
  notifies: boolean;
}) {
  const { data, error } = useVideo(video.id, video, { inBackground: true });
  // It was deleted, so there is nothing to tell.
  if (error?.code === "video_not_found" || data?.status === "deleting") return null;
  return <Signals state={state} end={uploadEnd(state, data ?? video)} notifies={notifies} />;
}

function Signals({ state, end, notifies }: { state: UploadState; end: UploadEnd | null; notifies: boolean }) {
  const t = useVideosText();
  const isNews = useIsNews(end);
  useMarkInTitle(end === null || isNews ? uploadMark(t, state, end) : null);
  useBadge(end !== null && isNews);
  const notify = useEffectEvent((ended: UploadEnd) => {
    if (!notifies || !document.hidden || !("file" in state)) return;
    try {
      const shown = new Notification(t.upload.tell[ended], { body: state.file.name });
      shown.addEventListener("click", () => window.focus());
    } catch {
      // Chrome on Android takes notifications of service workers only. Its constructor throws "Illegal constructor",
      // which would end the page, because no error boundary is below the upload.
    }
  });
  useEffect(() => {
    if (end !== null) notify(end);
  }, [end]);
  return null;
}

/** Return whether the person has done nothing on the page since the upload ended. */
function useIsNews(end: UploadEnd | null): boolean {
  const [seen, setSeen] = useState<UploadEnd | null>(null);
  useEffect(() => {
    if (end === null) return;
    const look = () => setSeen(end);
    const listening = new AbortController();
    for (const type of ["pointerdown", "keydown"]) {
      window.addEventListener(type, look, { signal: listening.signal });
    }
    return () => {
      listening.abort();
      setSeen(null);
    };
  }, [end]);
  return seen !== end;
}

function useBadge(isShown: boolean): void {
  useEffect(() => {
    // Only an installed page has one, and Firefox has no such method.
    if (!isShown || !("setAppBadge" in navigator)) return;
    navigator.setAppBadge().catch(() => {});
    return () => void navigator.clearAppBadge().catch(() => {});
  }, [isShown]);
}
