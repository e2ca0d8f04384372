// A video's status in one word.
import { Check, LoaderCircle } from "lucide-react";
import { Badge, type BadgeTone } from "@/components/ui/badge";
import type { HeldVideo } from "@/hooks/use-upload";
import { isMoving } from "@/hooks/use-videos";
import type { Video } from "@/lib/api/client";

const STATUSES = {
  uploading: { text: "Not finished", tone: "warning" },
  completing: { text: "Assembling", tone: "moving" },
  processing: { text: "Reading details", tone: "moving" },
  ready: { text: "Ready", tone: "success" },
  failed: { text: "Failed", tone: "danger" },
  expired: { text: "Expired", tone: "neutral" },
  deleting: { text: "Deleting", tone: "neutral" },
} as const satisfies Record<Video["status"], { text: string; tone: BadgeTone }>;

/** `held`: this very page works on the video, so it is no leftover. */
export function StatusBadge({ status, held }: { status: Video["status"]; held: HeldVideo["how"] | null }) {
  const uploadsHere = held === "sending" && status === "uploading";
  const { text, tone } = uploadsHere ? { text: "Uploading", tone: "moving" as const } : STATUSES[status];
  return (
    <Badge tone={tone} data-status={status}>
      {(isMoving(status) || uploadsHere) && <LoaderCircle className="size-3 animate-spin" />}
      {status === "ready" && <Check className="size-3" />}
      {text}
    </Badge>
  );
}
