// Shows the player, or the reason why there is none.

import { LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import { Alert } from "@/components/ui/alert";
import { type HeldVideo, isBusy } from "@/hooks/use-upload";
import type { Video } from "@/lib/api/client";
import { useVideoText } from "@/text/video-text";
import { VideoFrame } from "./video-frame";
import { VideoPlayer } from "./video-player";
import { failureReason } from "./video-status";

export function VideoStage({
  video,
  held,
  refresh,
}: {
  video: Video;
  held: HeldVideo["how"] | null;
  refresh: () => Promise<Video | null>;
}): ReactNode {
  const t = useVideoText();
  const texts = t.video.stage;
  switch (video.status) {
    case "ready":
      return video.delivery_url === null ? (
        <Alert tone="warning">{texts.noUrl}</Alert>
      ) : (
        <VideoPlayer video={video} deliveryUrl={video.delivery_url} refresh={refresh} />
      );
    case "completing":
      return <Working video={video} text={texts.completing} />;
    case "processing":
      return <Working video={video} text={texts.processing} />;
    case "uploading":
      return isBusy(held) ? (
        <Working video={video} text={texts.sending} />
      ) : (
        <Alert tone="warning">{held === "interrupted" ? texts.interrupted : texts.unfinished}</Alert>
      );
    case "failed":
      return (
        <Alert>
          <p className="font-medium">{t.videos.notAccepted}</p>
          <p>{failureReason(t, video)}</p>
        </Alert>
      );
    case "expired":
      return <Alert tone="warning">{texts.expired}</Alert>;
    case "deleting":
      return <Alert tone="warning">{texts.deleting}</Alert>;
    default:
      return video.status satisfies never;
  }
}

function Working({ video, text }: { video: Video; text: string }) {
  return (
    <VideoFrame video={video}>
      <p className="flex items-center gap-3 px-6 text-muted-foreground">
        <LoaderCircle className="size-5 shrink-0 animate-spin text-primary" />
        <span>{text}</span>
      </p>
    </VideoFrame>
  );
}
