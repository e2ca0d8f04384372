// Tells that videos were deleted, and takes it back.
"use client";

import { Undo2 } from "lucide-react";
import { useEffect, useLayoutEffect, useRef } from "react";
import { Button } from "@/components/ui/button";
import { CloseButton } from "@/components/ui/close-button";
import type { ApiError } from "@/lib/api/errors";
import type { Partly, Removal } from "@/lib/list/remover";
import { problemOf } from "@/text/problems";
import { useVideosText, type VideosText } from "@/text/videos-text";
import { FileName } from "./file-name";

export function RemovalNotice({
  removal,
  onUndo,
  onEnd,
}: {
  removal: Removal;
  onUndo: () => void;
  onEnd: () => void;
}) {
  const t = useVideosText();
  const texts = t.videos.removal;
  const notice = useRef<HTMLElement>(null);
  const { videos, status } = removal;
  const isRefused = status === "failed" || (status === "removed" && removal.error !== null);
  const [first] = videos;

  // The row that had the focus is gone. Undo is the next thing that a keyboard reaches.
  // biome-ignore lint/correctness/useExhaustiveDependencies: each removal takes the focus.
  useEffect(() => {
    notice.current?.querySelector("button")?.focus({ preventScroll: true });
  }, [videos]);
  useLayoutEffect(() => {
    const element = notice.current;
    return () => {
      if (element?.contains(document.activeElement)) focusList(first?.id);
    };
  }, [first]);

  return (
    <section
      ref={notice}
      aria-label={texts.title}
      // Undo goes when its time is over.
      tabIndex={-1}
      // Above the bar of the chosen videos, which has two lines on a phone.
      className="fixed inset-x-4 bottom-4 z-30 mx-auto [body:has([data-slot=selection-bar])_&]:bottom-32 sm:[body:has([data-slot=selection-bar])_&]:bottom-20 flex w-fit max-w-[min(32rem,calc(100vw-2rem))] items-center gap-3 rounded-xl border bg-card py-2 ps-4 pe-2 text-sm shadow-xl"
    >
      <div className="min-w-0">
        {videos.length === 1 && first !== undefined ? (
          <FileName name={first.original_filename} className="font-medium" />
        ) : (
          <p className="font-medium">{t.videos.count(videos.length, t.format.number(videos.length))}</p>
        )}
        <p
          role={isRefused ? "alert" : undefined}
          className={isRefused ? "text-destructive" : "text-muted-foreground"}
        >
          {sentenceOf(t, removal)}
        </p>
      </div>
      {status === "failed" ? (
        <CloseButton label={texts.close} onClick={onEnd} />
      ) : (
        <Button
          variant="secondary"
          size="sm"
          aria-disabled={status !== "removed"}
          onClick={() => status === "removed" && onUndo()}
        >
          <Undo2 className="rtl:-scale-x-100" />
          <span>{texts.undo}</span>
        </Button>
      )}
    </section>
  );
}

function sentenceOf(t: VideosText, removal: Removal): string {
  const texts = t.videos.removal;
  const explain = (error: ApiError | Partly): string => {
    if (!("kept" in error)) return problemOf(t, error, "delete").sentence;
    const partly = texts.partly(t.videos.count(error.kept, t.format.number(error.kept)));
    return error.why ? `${partly} ${explain(error.why)}` : partly;
  };
  switch (removal.status) {
    case "failed":
      return typeof removal.why === "string" ? texts.tooLate[removal.why] : explain(removal.why);
    case "removed":
      return removal.error === null ? texts.removed : explain(removal.error);
    default:
      return texts[removal.status];
  }
}

/** Focus the video's row if it is back, and otherwise the list. */
function focusList(id: string | undefined): void {
  const row = id && document.querySelector<HTMLElement>(`li[data-video-id="${CSS.escape(id)}"] a`);
  const target = row || document.getElementById("videos-title") || document.querySelector("h1");
  target?.focus({ preventScroll: true });
}
