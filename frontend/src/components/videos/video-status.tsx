// Shows a video's status as a badge and as an icon.

import { Check, CloudUpload, FileVideoCamera, LoaderCircle, Play, TriangleAlert } from "lucide-react";
import { Badge } from "@/components/ui/badge";
import { type HeldVideo, isBusy } from "@/hooks/use-upload";
import { isInProgress } from "@/hooks/use-video-list";
import type { Video } from "@/lib/api/client";
import { cn } from "@/lib/cn";
import type { VideosText } from "@/text/videos-text";
import { useVideosText } from "@/text/videos-text";
import { endsEarlyText } from "./video-facts";

const STATUSES = {
  uploading: { tone: "warning", icon: CloudUpload },
  completing: { tone: "moving", icon: CloudUpload },
  processing: { tone: "moving", icon: FileVideoCamera },
  ready: { tone: "success", icon: Play },
  failed: { tone: "danger", icon: TriangleAlert },
  expired: { tone: "neutral", icon: FileVideoCamera },
  deleting: { tone: "neutral", icon: FileVideoCamera },
} as const satisfies Record<Video["status"], unknown>;

const HERE = { sending: "sending", assembling: "completing" } as const;

/** `held` tells whether this page works on the video. */
export function StatusBadge({ status, held }: { status: Video["status"]; held: HeldVideo["how"] | null }) {
  const t = useVideosText();
  // The list may know less of it than the upload.
  const here = status === "uploading" && isBusy(held) ? held : null;
  const tone = here === null ? STATUSES[status].tone : "moving";
  return (
    <Badge tone={tone} data-status={status}>
      {(isInProgress(status) || here !== null) && <LoaderCircle className="size-3 shrink-0 animate-spin" />}
      {status === "ready" && <Check className="size-3 shrink-0" />}
      <span>{t.videos.statuses[here === null ? status : HERE[here]]}</span>
    </Badge>
  );
}

const ICON_TONES = {
  ready: "bg-primary-soft text-primary",
  failed: "bg-destructive-soft text-destructive",
  else: "bg-muted text-muted-foreground",
} as const;

export function StatusIcon({ status }: { status: Video["status"] }) {
  const Icon = STATUSES[status].icon;
  return (
    <span
      aria-hidden="true"
      className={cn(
        "hidden size-10 shrink-0 place-items-center rounded-lg sm:grid [&_svg]:size-4.5",
        ICON_TONES[status === "ready" || status === "failed" ? status : "else"],
      )}
    >
      <Icon />
    </span>
  );
}

/** Tell that data is missing from the file. The video is no less ready. */
export function EndsEarly({ video, className }: { video: Video; className?: string }) {
  const text = endsEarlyText(useVideosText(), video);
  return text !== null && <p className={cn("text-sm text-warning", className)}>{text}</p>;
}

/** Explain why a failed video was rejected. */
export function failureReason(t: VideosText, video: Video): string {
  return t.videos.failed[video.status_reason?.code ?? "unreadable"];
}
