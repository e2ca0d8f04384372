// Lists the user's videos, newest first.
"use client";

import { Clapperboard } from "lucide-react";
import { type ReactNode, useEffect, useRef, useState } from "react";
import { ErrorNotice } from "@/components/error-notice";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { useCurrentUpload } from "@/components/upload/upload-provider";
import { heldVideo } from "@/hooks/use-upload";
import { useVideoList } from "@/hooks/use-videos";
import type { Video } from "@/lib/api/client";
import { cn } from "@/lib/cn";
import { DeleteVideoDialog } from "./delete-video-dialog";
import { VideoListSkeleton } from "./video-list-skeleton";
import { COLUMNS, VideoRow } from "./video-row";

export function VideoList() {
  const list = useVideoList();
  const { state } = useCurrentUpload();
  const [doomed, setDoomed] = useState<Video | null>(null);
  const heading = useRef<HTMLHeadingElement>(null);
  const held = heldVideo(state);
  const now = useNow();
  const [deletions, setDeletions] = useState(0);

  // The deleted row had the focus. The effect runs after the dialog has restored it.
  useEffect(() => {
    if (deletions > 0) heading.current?.focus();
  }, [deletions]);

  const videos = list.data?.pages.flatMap(({ items }) => items);

  return (
    <section aria-labelledby="videos-title" className="mt-10">
      <h2 id="videos-title" ref={heading} tabIndex={-1} className="mb-3 font-semibold text-lg tracking-tight">
        Your videos
      </h2>
      {content()}
      <DeleteVideoDialog
        video={doomed}
        onClose={() => setDoomed(null)}
        onDeleted={() => setDeletions(deletions + 1)}
      />
    </section>
  );

  function content(): ReactNode {
    if (videos === undefined) {
      if (list.error === null) return <VideoListSkeleton />;
      return (
        <ErrorNotice
          title="Your videos couldn't be loaded"
          error={list.error}
          onRetry={() => void list.refetch()}
        />
      );
    }
    if (videos.length === 0) return <EmptyList />;
    return (
      <>
        {list.isRefetchError && (
          <p className="mb-3 text-muted-foreground text-sm">
            The list may be out of date, because the server isn't answering.
          </p>
        )}
        <Card className="overflow-hidden">
          <VideoListHead />
          <ul className="divide-y">
            {videos.map((video) => (
              <VideoRow
                key={video.id}
                video={video}
                now={now}
                held={held?.id === video.id ? held.how : null}
                onDelete={() => setDoomed(video)}
              />
            ))}
          </ul>
        </Card>
        {list.isFetchNextPageError && (
          <div className="mt-4">
            <ErrorNotice
              title="More videos couldn't be loaded"
              error={list.error}
              onRetry={() => void list.fetchNextPage()}
            />
          </div>
        )}
        {list.hasNextPage && !list.isFetchNextPageError && (
          <div className="mt-4 flex justify-center">
            <Button
              variant="secondary"
              disabled={list.isFetchingNextPage}
              onClick={() => void list.fetchNextPage()}
            >
              {list.isFetchingNextPage ? "Loading…" : "Load more"}
            </Button>
          </div>
        )}
      </>
    );
  }
}

/** Label the columns. Each cell has a label of its own for screen readers. */
function VideoListHead() {
  return (
    <div
      aria-hidden="true"
      className={cn("hidden border-b bg-muted/40 px-5 py-2.5 text-muted-foreground text-xs xl:grid", COLUMNS)}
    >
      <span>Name</span>
      <span>Format</span>
      <span>Duration</span>
      <span>Resolution</span>
      <span>Size</span>
      <span>Uploaded</span>
      <span>Status</span>
    </div>
  );
}

function EmptyList() {
  return (
    <Card className="flex flex-col items-center px-6 py-14 text-center">
      <span className="grid size-12 place-items-center rounded-full bg-muted text-muted-foreground">
        <Clapperboard className="size-6" />
      </span>
      <p className="mt-4 font-medium">No videos yet</p>
      <p className="mt-1 max-w-sm text-muted-foreground text-sm leading-relaxed">
        Upload your first video above. Its duration, resolution and format appear here within seconds.
      </p>
    </Card>
  );
}

const MINUTE_MS = 60_000;

/** Return the time, updated every minute for "Today" and "Yesterday". */
function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
