// Connects the removal of videos to the session, the list and the notice.
"use client";

import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useCallback, useEffect, useLayoutEffect, useRef, useState, useSyncExternalStore } from "react";
import { useAnnounce } from "@/components/announcer";
import { noteSessionEnded, SESSION_KEY, useSession } from "@/hooks/use-session";
import { refreshList } from "@/hooks/use-video-list";
import { videoKeys } from "@/hooks/video-keys";
import { api, type Video } from "@/lib/api/client";
import { Remover } from "@/lib/list/remover";
import { useVideosText } from "@/text/videos-text";
import { RemovalNotice } from "./removal-notice";
import type { Removals } from "./removals";

export function RemovalKeeper({ onChange }: { onChange: (removals: Removals) => void }) {
  const t = useVideosText();
  const texts = t.videos.removal;
  const queryClient = useQueryClient();
  const announce = useAnnounce();
  const session = useSession();
  const [remover] = useState(() => makeRemover(queryClient));
  const { removed, removal } = useSyncExternalStore(remover.subscribe, remover.getState, remover.getState);
  // The rows of the list keep the function, so that they are not drawn again.
  const latest = useRef(removeAll);
  useEffect(() => {
    latest.current = removeAll;
  });
  const remove = useCallback((videos: readonly Video[]) => void latest.current(videos), []);
  // The list hides the rows with the next paint.
  useLayoutEffect(() => onChange({ removed, remove }), [onChange, removed, remove]);

  const isSignedOut = session.status === "signed_out";
  const userId = session.status === "signed_in" ? session.user.id : null;
  // No paint shows the names to another user.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a removal may fail after the session has ended.
  useLayoutEffect(() => {
    if (isSignedOut || userId !== null) remover.follow(userId);
  }, [remover, isSignedOut, userId, removal]);

  if (removal === null || isSignedOut) return null;
  return (
    <RemovalNotice removal={removal} onUndo={() => void undo(removal.videos)} onEnd={() => remover.close()} />
  );

  async function removeAll(videos: readonly Video[]) {
    if (await remover.remove(videos)) announce(texts.announce(textOf(videos)));
  }

  async function undo(videos: readonly Video[]) {
    if (await remover.undo()) announce(texts.restored(textOf(videos)));
  }

  function textOf(videos: readonly Video[]): string {
    const [first] = videos;
    return videos.length === 1 && first !== undefined
      ? first.original_filename
      : t.videos.count(videos.length, t.format.number(videos.length));
  }
}

// The server begins to delete when the time to undo is over, and frees the space once the store has confirmed it. No
// answer tells the page when that is. Many videos take some seconds, and a store in trouble takes longer.
const SPACE_MS = [2000, 6000, 20_000];

export function makeRemover(queryClient: QueryClient): Remover {
  return new Remover({
    server: api,
    onAsked: (videos, error) => {
      if (error?.code === "not_authenticated") noteSessionEnded(queryClient);
      refreshList(queryClient);
      // Whoever still shows a video learns what became of it.
      for (const { id } of videos) {
        void queryClient.invalidateQueries({ queryKey: videoKeys.one(id) });
        // One that is shown later would begin with an answer from before, such as that the video is gone.
        queryClient.removeQueries({ queryKey: videoKeys.one(id), type: "inactive" });
      }
    },
    // The account tells how much space is used.
    onEnd: () => {
      const ask = () => void queryClient.invalidateQueries({ queryKey: SESSION_KEY });
      for (const ms of SPACE_MS) setTimeout(ask, ms);
    },
  });
}
