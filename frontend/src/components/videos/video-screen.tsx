// Shows one video with its player, metadata, download and deletion.
"use client";

import { ArrowLeft, Download, Trash2 } from "lucide-react";
import { useSearchParams } from "next/navigation";
import { type ReactNode, useState } from "react";
import { ErrorNotice } from "@/components/error-notice";
import { ExternalLink } from "@/components/external-link";
import { Link } from "@/components/site-link";
import { Button } from "@/components/ui/button";
import { useCurrentUpload } from "@/components/upload/upload-provider";
import { useRouter } from "@/hooks/use-site-navigation";
import { heldVideo } from "@/hooks/use-upload";
import { useVideo } from "@/hooks/use-videos";
import type { Video } from "@/lib/api/client";
import { DeleteVideoDialog } from "./delete-video-dialog";
import { VideoMetadata } from "./video-metadata";
import { VideoScreenSkeleton } from "./video-screen-skeleton";
import { VideoStage } from "./video-stage";
import { EndsEarly, StatusBadge } from "./video-status";

export function VideoScreen() {
  const id = useSearchParams().get("id");
  return (
    <>
      <Button asChild variant="ghost" size="sm" className="-ml-3.5 mb-4">
        <Link href="/">
          <ArrowLeft />
          <span>All videos</span>
        </Link>
      </Button>
      {id === null || id === "" ? <NoSuchVideo /> : <LoadedVideo id={id} />}
    </>
  );
}

function LoadedVideo({ id }: { id: string }) {
  const query = useVideo(id);
  if (query.data !== undefined) {
    return (
      <ShownVideo
        video={query.data}
        refresh={() => query.refetch().then(({ data, isSuccess }) => (isSuccess ? data : null))}
      />
    );
  }
  if (query.error === null) return <VideoScreenSkeleton />;
  if (query.error.code === "video_not_found" || query.error.code === "validation_error")
    return <NoSuchVideo />;
  return (
    <ErrorNotice
      title="This video couldn't be loaded"
      error={query.error}
      onRetry={() => void query.refetch()}
    />
  );
}

function NoSuchVideo(): ReactNode {
  return (
    <div className="py-16 text-center">
      <h1 className="font-semibold text-2xl tracking-tight">No such video</h1>
      <p className="mx-auto mt-2 max-w-sm text-muted-foreground leading-relaxed">
        The video was deleted, it belongs to another account, or the address is incomplete.
      </p>
    </div>
  );
}

function ShownVideo({ video, refresh }: { video: Video; refresh: () => Promise<Video | null> }) {
  const router = useRouter();
  const { state } = useCurrentUpload();
  const [doomed, setDoomed] = useState<Video | null>(null);
  const mine = heldVideo(state);
  const held = mine?.id === video.id ? mine.how : null;

  return (
    <article>
      <VideoStage key={video.id} video={video} held={held} refresh={refresh} />
      <div className="mt-6 flex flex-col gap-4 sm:flex-row sm:items-start sm:justify-between">
        <div className="min-w-0">
          <h1 className="break-words font-semibold text-xl tracking-tight sm:text-2xl">
            <bdi dir="auto" translate="no">
              {video.original_filename}
            </bdi>
          </h1>
          <div className="mt-2">
            <StatusBadge status={video.status} held={held} />
          </div>
          <EndsEarly video={video} className="mt-2" />
        </div>
        <div className="flex shrink-0 gap-3">
          {video.delivery_url !== null && (
            <Button asChild variant="secondary">
              <ExternalLink href={video.delivery_url} download={video.original_filename}>
                <Download />
                <span>Download</span>
              </ExternalLink>
            </Button>
          )}
          {held !== "sending" && (
            <Button variant="secondary" className="text-destructive" onClick={() => setDoomed(video)}>
              <Trash2 />
              <span>{video.status === "uploading" ? "Discard" : "Delete"}</span>
            </Button>
          )}
        </div>
      </div>
      <VideoMetadata video={video} />
      <DeleteVideoDialog
        video={doomed}
        onClose={() => setDoomed(null)}
        onDeleted={() => router.replace("/")}
      />
    </article>
  );
}
