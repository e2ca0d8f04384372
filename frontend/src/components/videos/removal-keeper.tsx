// Removes videos, and brings them back while the server still can.
"use client";

import { useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { useAnnounce } from "@/components/announcer";
import { SESSION_KEY } from "@/hooks/use-session";
import { refreshList } from "@/hooks/use-video-list";
import { videoKeys } from "@/hooks/video-keys";
import { api, type Video } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { problemOf } from "@/text/problems";
import { useVideosText } from "@/text/videos-text";
import { RemovalNotice } from "./removal-notice";
import type { Removals } from "./removals";

export type Removal = { readonly videos: readonly Video[] } & (
  | { readonly status: "removing" }
  | { readonly status: "removed"; readonly seconds: number }
  | { readonly status: "restoring" }
  | { readonly status: "failed"; readonly sentence: string }
);

export function RemovalKeeper({ onChange }: { onChange: (removals: Removals) => void }) {
  const t = useVideosText();
  const texts = t.videos.removal;
  const queryClient = useQueryClient();
  const announce = useAnnounce();
  const [removed, setRemoved] = useState<ReadonlySet<string>>(new Set());
  const [removal, setRemoval] = useState<Removal | null>(null);
  // The rows of the list keep the function, so that they are not drawn again.
  const latest = useRef(removeAll);
  useEffect(() => {
    latest.current = removeAll;
  });
  const remove = useCallback((videos: readonly Video[]) => void latest.current(videos), []);
  // The list hides the rows with the next paint.
  useLayoutEffect(() => onChange({ removed, remove }), [onChange, removed, remove]);

  if (removal === null) return null;
  return <RemovalNotice removal={removal} onUndo={() => void undo(removal.videos)} onEnd={end} />;

  async function removeAll(videos: readonly Video[]) {
    setRemoved((before) => new Set([...before, ...videos.map(({ id }) => id)]));
    setRemoval({ videos, status: "removing" });
    try {
      const seconds = await api.removeVideos(videos.map(({ id }) => id));
      announce(texts.announce(textOf(videos)));
      setRemoval((current) =>
        current?.videos === videos ? { videos, status: "removed", seconds } : current,
      );
    } catch (error) {
      show(videos);
      fail(videos, error);
    }
    refresh(videos);
  }

  async function undo(videos: readonly Video[]) {
    setRemoval({ videos, status: "restoring" });
    try {
      const restored = await api.restoreVideos(videos.map(({ id }) => id));
      show(restored);
      refresh(restored);
      if (restored.length < videos.length) {
        setRemoval({ videos, status: "failed", sentence: texts.tooLate });
        return;
      }
      announce(texts.restored(textOf(videos)));
      setRemoval(null);
    } catch (error) {
      fail(videos, error);
    }
  }

  function fail(videos: readonly Video[], error: unknown) {
    if (!(error instanceof ApiError)) throw error;
    setRemoval({ videos, status: "failed", sentence: problemOf(t, error, "delete").sentence });
  }

  function show(videos: readonly Video[]) {
    setRemoved((before) => new Set([...before].filter((id) => !videos.some((video) => video.id === id))));
  }

  function refresh(videos: readonly Video[]) {
    refreshList(queryClient);
    // Whoever still shows a video learns what became of it.
    for (const { id } of videos) void queryClient.invalidateQueries({ queryKey: videoKeys.one(id) });
  }

  function end() {
    setRemoval(null);
    void queryClient.invalidateQueries({ queryKey: SESSION_KEY });
  }

  function textOf(videos: readonly Video[]): string {
    const [first] = videos;
    return videos.length === 1 && first !== undefined
      ? first.original_filename
      : t.videos.count(videos.length, t.format.number(videos.length));
  }
}
