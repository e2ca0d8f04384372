import { Trash2 } from "lucide-react";
import type { ReactNode } from "react";
import { Link } from "@/components/site-link";
import { Button } from "@/components/ui/button";
import type { HeldVideo } from "@/hooks/use-upload";
import { isInProgress, useVideo } from "@/hooks/use-videos";
import type { Video } from "@/lib/api/client";
import { cn } from "@/lib/cn";
import { formatBytes, formatDuration, formatFullDate, formatWhen, spell } from "@/lib/format";
import { FileName } from "./file-name";
import { resolutionText } from "./video-facts";
import { EndsEarly, failureReason, StatusBadge, StatusIcon } from "./video-status";

/** The columns of a wide list and its head. */
export const COLUMNS =
  "xl:grid-cols-[minmax(0,1fr)_3.5rem_4rem_10rem_4.5rem_8.5rem_8.5rem_2.25rem] xl:items-center xl:gap-x-3";

export function VideoRow({
  video,
  now,
  held,
  onDelete,
}: {
  video: Video;
  now: Date;
  held: HeldVideo["how"] | null;
  onDelete: () => void;
}) {
  const when = video.uploaded_at ?? video.created_at;
  const leftover = video.status === "uploading" && held === null;
  return (
    <li data-video-id={video.id} className="relative px-4 py-4 transition-colors hover:bg-muted/50 sm:px-5">
      {isInProgress(video.status) && <Follow id={video.id} />}
      <div
        className={cn(
          "grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 gap-y-1 sm:grid-cols-[minmax(0,1fr)_auto_auto]",
          COLUMNS,
        )}
      >
        <div className="flex min-w-0 items-center gap-3.5">
          <StatusIcon status={video.status} />
          <Link
            href={`/video?id=${encodeURIComponent(video.id)}`}
            // The whole row is a link. The delete button lies above it.
            className="min-w-0 rounded font-medium after:absolute after:inset-0"
          >
            <FileName name={video.original_filename} />
          </Link>
        </div>
        <dl className="col-span-full row-start-2 flex flex-wrap gap-x-4 gap-y-0.5 text-muted-foreground text-sm tabular-nums sm:pl-13.5 xl:contents">
          <Cell name="Format">{video.container === null ? null : spell(video.container)}</Cell>
          <Cell name="Duration">
            {video.duration_seconds === null ? null : formatDuration(video.duration_seconds)}
          </Cell>
          <Cell name="Resolution">{resolutionText(video)}</Cell>
          <Cell name="Size">{formatBytes(video.size_bytes)}</Cell>
          <Cell name="Uploaded">
            <time dateTime={when} title={formatFullDate(when)}>
              {formatWhen(when, now)}
            </time>
          </Cell>
        </dl>
        <div className="max-sm:row-start-3 max-sm:mt-1.5">
          <StatusBadge status={video.status} held={held} />
        </div>
        <Button
          variant="ghost"
          size="icon"
          className={cn("z-1 max-sm:col-start-2 max-sm:row-start-1", held === "sending" && "invisible")}
          aria-label={`${leftover ? "Discard" : "Delete"} ${video.original_filename}`}
          title={leftover ? "Discard" : "Delete"}
          onClick={onDelete}
        >
          <Trash2 />
        </Button>
      </div>
      <EndsEarly video={video} className="mt-1.5 sm:pl-13.5" />
      {video.status === "failed" && (
        <p className="mt-1.5 text-destructive text-sm sm:pl-13.5">{failureReason(video)}</p>
      )}
      {leftover && (
        <p className="mt-1.5 text-muted-foreground text-sm sm:pl-13.5">
          This upload was started elsewhere or left unfinished. If nothing is sending it, discard it.
        </p>
      )}
    </li>
  );
}

/** Poll a video while the server works on it. */
function Follow({ id }: { id: string }) {
  useVideo(id);
  return null;
}

function Unknown() {
  return (
    <>
      <span aria-hidden="true">–</span>
      <span className="sr-only">unknown</span>
    </>
  );
}

function Cell({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={cn(children === null && "max-xl:hidden")}>
      <dt className="sr-only">{name}</dt>
      <dd className="truncate">{children ?? <Unknown />}</dd>
    </div>
  );
}
