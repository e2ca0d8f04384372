// Shows one video with its player, metadata, download and deletion.
"use client";

import { ArrowLeft, Download, Trash2 } from "lucide-react";
import { useSearchParams } from "next/navigation";
import { type ReactNode, useState } from "react";
import { CopyButton } from "@/components/copy-button";
import { ErrorNotice } from "@/components/error-notice";
import { ExternalLink } from "@/components/external-link";
import { Link } from "@/components/site-link";
import { Button, buttonClass } from "@/components/ui/button";
import { useCurrentUpload } from "@/components/upload/current-upload";
import { useNameInTitle } from "@/hooks/use-page-title";
import { useRouter } from "@/hooks/use-site-navigation";
import { heldVideo, isBusy } from "@/hooks/use-upload";
import { useVideo } from "@/hooks/use-videos";
import type { Video } from "@/lib/api/client";
import { lastPlace } from "@/lib/list/place";
import { publicAddress } from "@/lib/public-path";
import { videoPath } from "@/lib/video-path";
import { problemOf } from "@/text/problems";
import { useVideoText } from "@/text/video-text";
import { useRemovals } from "./removals";
import { plainFormat } from "./video-details";
import { VideoMetadata } from "./video-metadata";
import { VideoScreenSkeleton } from "./video-screen-skeleton";
import { VideoStage } from "./video-stage";
import { EndsEarly, StatusBadge } from "./video-status";

export function VideoScreen() {
  const t = useVideoText();
  const id = useSearchParams().get("id");
  const [back] = useState(lastPlace);
  return (
    <>
      {/* The list scrolls to where it was. */}
      <Link
        className={buttonClass({ variant: "ghost", size: "sm" }, "-ms-3.5 mb-4 forced-colors:ms-0")}
        href={back.path}
        scroll={back.row === 0}
      >
        <ArrowLeft className="rtl:-scale-x-100" />
        <span>{t.video.all}</span>
      </Link>
      {id === null || id === "" ? <NoSuchVideo /> : <LoadedVideo id={id} />}
    </>
  );
}

function LoadedVideo({ id }: { id: string }) {
  const t = useVideoText();
  const query = useVideo(id);
  const { removed } = useRemovals();
  // The query keeps the data of a video that is gone. One that was removed here is shown until the list is.
  const isGone = query.error !== null && problemOf(t, query.error, "video").action === "leave";
  if (isGone && !(query.data !== undefined && removed.has(id))) return <NoSuchVideo />;
  if (query.data !== undefined) {
    return (
      <ShownVideo
        video={query.data}
        refresh={() => query.refetch().then(({ data, isSuccess }) => (isSuccess ? data : null))}
      />
    );
  }
  if (query.error === null) return <VideoScreenSkeleton />;
  return (
    <ErrorNotice
      title={t.video.notLoaded}
      error={query.error}
      place="video"
      onRetry={() => void query.refetch()}
    />
  );
}

function NoSuchVideo(): ReactNode {
  const t = useVideoText();
  return (
    <div className="py-16 text-center">
      <h1 className="font-semibold text-2xl tracking-tight">{t.video.missing}</h1>
      <p className="mx-auto mt-2 max-w-sm text-muted-foreground leading-relaxed">{t.video.missingHint}</p>
    </div>
  );
}

function ShownVideo({ video, refresh }: { video: Video; refresh: () => Promise<Video | null> }) {
  const t = useVideoText();
  const router = useRouter();
  const { state } = useCurrentUpload();
  const { remove } = useRemovals();
  const mine = heldVideo(state);
  const held = mine?.id === video.id ? mine.how : null;
  const format = plainFormat(t, video);
  useNameInTitle(video.original_filename);

  function leave() {
    remove([video]);
    router.replace(lastPlace().path);
  }

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
          {format !== null && <p className="mt-1.5 text-muted-foreground text-sm">{format}</p>}
          <div className="mt-2">
            <StatusBadge status={video.status} held={held} />
          </div>
          <EndsEarly video={video} className="mt-2" />
        </div>
        <div className="flex shrink-0 flex-wrap gap-3">
          {video.delivery_url !== null && (
            <ExternalLink
              className={buttonClass({ variant: "secondary" })}
              href={video.delivery_url}
              download={video.original_filename}
            >
              <Download />
              <span>{t.video.download}</span>
            </ExternalLink>
          )}
          <CopyButton
            variant="secondary"
            makeText={() => `${location.origin}${publicAddress(videoPath(video.id))}`}
            texts={t.video.copyLink}
            title={t.video.copyLink.hint}
          />
          {!isBusy(held) && (
            <Button variant="secondary" className="text-destructive" onClick={leave}>
              <Trash2 />
              <span>{video.status === "uploading" ? t.videos.delete.discard : t.videos.delete.button}</span>
            </Button>
          )}
        </div>
      </div>
      <VideoMetadata video={video} />
    </article>
  );
}
