// The small picture in front of a video's name: what can be done with it.
import { CloudUpload, FileVideoCamera, Play, TriangleAlert } from "lucide-react";
import type { Video } from "@/lib/api/client";
import { cn } from "@/lib/cn";

export function VideoTile({ status }: { status: Video["status"] }) {
  const Icon = tileIcon(status);
  return (
    <span
      aria-hidden="true"
      className={cn(
        "hidden size-10 shrink-0 place-items-center rounded-lg bg-muted sm:grid text-muted-foreground [&_svg]:size-4.5",
        status === "ready" && "bg-primary-soft text-primary",
        status === "failed" && "bg-destructive-soft text-destructive",
      )}
    >
      <Icon />
    </span>
  );
}

function tileIcon(status: Video["status"]) {
  switch (status) {
    case "ready":
      return Play;
    case "failed":
      return TriangleAlert;
    case "uploading":
    case "completing":
      return CloudUpload;
    case "processing":
    case "expired":
    case "deleting":
      return FileVideoCamera;
    default:
      return status satisfies never;
  }
}
