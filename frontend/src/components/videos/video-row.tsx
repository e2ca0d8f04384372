import { Trash2 } from "lucide-react";
import { memo, type ReactNode, type Ref } from "react";
import { Link } from "@/components/site-link";
import { Button } from "@/components/ui/button";
import { type HeldVideo, isBusy } from "@/hooks/use-upload";
import type { Video } from "@/lib/api/client";
import { cn } from "@/lib/cn";
import { videoPath } from "@/lib/video-path";
import { useVideosText } from "@/text/videos-text";
import { FileName } from "./file-name";
import { frameText } from "./video-facts";
import { EndsEarly, failureReason, StatusBadge, StatusIcon } from "./video-status";

/** The columns of a wide list and its head. */
export const COLUMNS =
  "xl:grid-cols-[minmax(0,1fr)_4rem_6rem_5rem_9.5rem_9.5rem_2.25rem] xl:items-center xl:gap-x-4";

export const VideoRow = memo(function VideoRow({
  row,
  index,
  setSize,
  top,
  video,
  now,
  held,
  choice,
  onChoose,
  onDelete,
}: {
  row: Ref<HTMLLIElement>;
  /** The position in the list, from 0. */
  index: number;
  /** How many rows the list has, or -1 if unknown. */
  setSize: number;
  /** How far the row is below the top of the list, in pixels. */
  top: number;
  video: Video;
  now: Date;
  held: HeldVideo["how"] | null;
  /** Whether the video is chosen. Null shows the checkbox only to a mouse or the focus. */
  choice: boolean | null;
  onChoose: (id: string, isRange: boolean) => void;
  onDelete: (video: Video) => void;
}) {
  const t = useVideosText();
  const { columns, delete: texts } = t.videos;
  const when = video.uploaded_at ?? video.created_at;
  const frame = frameText(video);
  const leftover = video.status === "uploading" && held === null;
  return (
    <li
      ref={row}
      data-index={index}
      data-video-id={video.id}
      aria-posinset={index + 1}
      aria-setsize={setSize}
      style={{ transform: `translateY(${top}px)` }}
      className={cn(
        "group absolute inset-x-0 top-0 px-4 py-3 focus-within:z-10 hover:z-10 sm:px-5",
        index > 0 && "border-t",
        choice === true ? "bg-primary-soft" : "hover:bg-muted/50",
      )}
    >
      <div
        className={cn(
          "grid grid-cols-[minmax(0,1fr)_auto] items-center gap-x-3 sm:grid-cols-[minmax(0,1fr)_auto_auto]",
          COLUMNS,
        )}
      >
        <div className="flex min-w-0 items-center gap-3.5">
          <Choice
            name={video.original_filename}
            status={video.status}
            choice={choice}
            isPossible={!isBusy(held)}
            onChoose={(isRange) => onChoose(video.id, isRange)}
          />
          <Link
            href={videoPath(video.id)}
            // The whole row is a link. The delete button lies above it.
            className="min-w-0 rounded font-medium after:absolute after:inset-0"
          >
            <FileName name={video.original_filename} />
          </Link>
        </div>
        <dl className="col-span-full row-start-2 flex flex-wrap gap-x-3 gap-y-0.5 text-muted-foreground text-sm tabular-nums sm:ps-13.5 xl:contents">
          <Cell name={columns.duration}>
            {video.duration_seconds === null ? null : t.format.duration(video.duration_seconds)}
          </Cell>
          {/* "1900 × 1000", "28.4 KiB" and "9 Nov, 11:30" keep their order in every language. */}
          <Cell name={columns.resolution}>{frame === null ? null : <bdi>{frame}</bdi>}</Cell>
          <Cell name={columns.size}>
            <span dir="auto" title={t.format.exactBytes(video.size_bytes)}>
              {t.format.bytes(video.size_bytes)}
            </span>
          </Cell>
          <Cell name={columns.uploaded}>
            <time dir="auto" dateTime={when} title={t.format.fullDate(when)}>
              {t.format.when(when, now)}
            </time>
          </Cell>
        </dl>
        <div
          className={cn(
            "flex flex-wrap items-center gap-x-2 max-sm:col-span-full max-sm:row-start-3",
            video.status !== "ready" && "max-sm:mt-1.5",
          )}
        >
          {video.status === "ready" ? <ReadyInWords /> : <StatusBadge status={video.status} held={held} />}
          {leftover && (
            <span className="text-muted-foreground text-sm sm:hidden">{t.videos.leftover.short}</span>
          )}
        </div>
        <Button
          variant="ghost"
          size="icon"
          className={cn("z-1 max-sm:col-start-2 max-sm:row-start-1", isBusy(held) && "invisible")}
          aria-label={
            leftover ? texts.discardOf(video.original_filename) : texts.buttonOf(video.original_filename)
          }
          title={leftover ? texts.discard : texts.button}
          onClick={() => onDelete(video)}
        >
          <Trash2 />
        </Button>
      </div>
      <EndsEarly video={video} className="mt-1.5 sm:ps-13.5" />
      {video.status === "failed" && (
        <p className="mt-1.5 text-destructive text-sm sm:ps-13.5">{failureReason(t, video)}</p>
      )}
      {leftover && (
        <p className="mt-1.5 ps-13.5 text-muted-foreground text-sm max-sm:hidden">{t.videos.leftover.text}</p>
      )}
    </li>
  );
});

/** The status as an icon, and in its place a checkbox. */
function Choice({
  name,
  status,
  choice,
  isPossible,
  onChoose,
}: {
  name: string;
  status: Video["status"];
  choice: boolean | null;
  isPossible: boolean;
  onChoose: (isRange: boolean) => void;
}) {
  const t = useVideosText();
  if (!isPossible) return <StatusIcon status={status} />;
  const isShown = choice !== null;
  return (
    <span
      className={cn(
        "relative z-1 grid shrink-0 place-items-center sm:size-10",
        isShown ? "size-6" : "max-sm:hidden",
      )}
    >
      <span
        className={cn(
          "pointer-coarse:opacity-0 group-has-[input:focus-visible]:opacity-0 group-hover:opacity-0",
          isShown && "opacity-0",
        )}
      >
        <StatusIcon status={status} />
      </span>
      <input
        type="checkbox"
        aria-label={t.videos.selection.choose(name)}
        checked={choice === true}
        className={cn(
          "absolute inset-0 m-auto size-5 cursor-pointer accent-primary focus-visible:opacity-100 pointer-coarse:opacity-100 group-hover:opacity-100",
          !isShown && "opacity-0",
        )}
        onChange={({ nativeEvent }) => onChoose(nativeEvent instanceof MouseEvent && nativeEvent.shiftKey)}
      />
    </span>
  );
}

/** Most videos are ready, so that a badge in each row would say nothing. */
function ReadyInWords() {
  const t = useVideosText();
  return (
    <span data-status="ready" className="sr-only">
      {t.videos.statuses.ready}
    </span>
  );
}

function Unknown() {
  const t = useVideosText();
  return (
    <>
      <span aria-hidden="true">–</span>
      <span className="sr-only">{t.videos.unknown}</span>
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
