// Shows the player, or the reason why there is none.
import { LoaderCircle } from "lucide-react";
import type { ReactNode } from "react";
import { Alert } from "@/components/ui/alert";
import type { HeldVideo } from "@/hooks/use-upload";
import type { Video } from "@/lib/api/client";
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
  switch (video.status) {
    case "ready":
      return video.delivery_url === null ? (
        <Alert tone="warning">The video is ready, but has no URL to play it from. Try again later.</Alert>
      ) : (
        <VideoPlayer video={video} deliveryUrl={video.delivery_url} refresh={refresh} />
      );
    case "completing":
      return <Working text="The storage is assembling the parts." />;
    case "processing":
      return <Working text="The server is reading the video's details." />;
    case "uploading":
      return held === "sending" ? (
        <Working text="This page is still uploading the video." />
      ) : (
        <Alert tone="warning">
          This upload isn't finished. If no other tab or device is sending it, discard it and upload the file
          again.
        </Alert>
      );
    case "failed":
      return (
        <Alert>
          <p className="font-medium">The server couldn't accept this video</p>
          <p>{failureReason(video)}</p>
        </Alert>
      );
    case "expired":
      return (
        <Alert tone="warning">This upload was never finished and has expired. Upload the file again.</Alert>
      );
    case "deleting":
      return <Alert tone="warning">This video is being deleted.</Alert>;
    default:
      return video.status satisfies never;
  }
}

function Working({ text }: { text: string }) {
  return (
    <div className="grid aspect-video w-full place-items-center rounded-xl border bg-muted/50">
      <p className="flex items-center gap-3 px-6 text-muted-foreground">
        <LoaderCircle className="size-5 shrink-0 animate-spin text-primary" />
        <span>{text}</span>
      </p>
    </div>
  );
}
