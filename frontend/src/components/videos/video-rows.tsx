// Shows the loaded videos in a list that holds only the rows near the window.
"use client";

import { defaultRangeExtractor, type Range, useWindowVirtualizer } from "@tanstack/react-virtual";
import {
  type RefObject,
  useCallback,
  useEffect,
  useEffectEvent,
  useLayoutEffect,
  useRef,
  useState,
} from "react";
import type { Selection } from "@/hooks/use-selection";
import type { HeldVideo } from "@/hooks/use-upload";
import type { Video } from "@/lib/api/client";
import { rememberPlace } from "@/lib/list/place";
import { VideoRow } from "./video-row";

// The height of a row in a wide and in a narrow window. Each row is measured once it is drawn.
const ROW_PX = 65;
const OVERSCAN_ROWS = 8;
// The header that lies above the rows while the page scrolls.
const HEADER_PX = 80;
const SETTLED_MS = 150;
/** Rows that are loaded ahead of the window. */
const AHEAD_ROWS = 20;

export function VideoRows({
  videos,
  total,
  now,
  held,
  path,
  startAt,
  selection,
  onNear,
  onDelete,
}: {
  videos: readonly Video[];
  /** How many videos the list has with those that are not loaded. Null if unknown. */
  total: number | null;
  now: Date;
  held: HeldVideo | null;
  /** The address of the list, with which its place is remembered. */
  path: string;
  /** The row to begin with. */
  startAt: number;
  selection: Selection;
  /** The person is near the last row that is loaded. */
  onNear: () => void;
  onDelete: (video: Video) => void;
}) {
  const list = useRef<HTMLUListElement>(null);
  const scrollMargin = useOffset(list);
  const [focusedId, setFocusedId] = useState<string | null>(null);
  const focused = focusedId === null ? -1 : videos.findIndex(({ id }) => id === focusedId);

  const virtualizer = useWindowVirtualizer({
    count: videos.length,
    estimateSize: () => ROW_PX,
    overscan: OVERSCAN_ROWS,
    scrollMargin,
    scrollPaddingStart: HEADER_PX,
    getItemKey: (index) => videos[index]?.id ?? index,
    // The row with the focus stays, because a focused element that is removed drops the focus.
    rangeExtractor: useCallback((range: Range) => withRow(defaultRangeExtractor(range), focused), [focused]),
  });
  const rows = virtualizer.getVirtualItems();

  const lastShown = virtualizer.range?.endIndex ?? 0;
  const isNear = videos.length > 0 && lastShown >= videos.length - AHEAD_ROWS;
  const near = useEffectEvent(onNear);
  // biome-ignore lint/correctness/useExhaustiveDependencies: more videos may still be too few.
  useEffect(() => {
    if (isNear) near();
  }, [isNear, videos.length]);

  const begin = useEffectEvent(() => {
    if (startAt > 0) virtualizer.scrollToIndex(startAt, { align: "start" });
  });
  useLayoutEffect(() => begin(), []);
  const remember = () => {
    const top = scrollY + HEADER_PX;
    const isAtTop = top <= scrollMargin + ROW_PX;
    rememberPlace({ path, row: isAtTop ? 0 : (virtualizer.getVirtualItemForOffset(top)?.index ?? 0) });
  };
  useRememberedPlace(path, remember);

  return (
    <ul
      ref={list}
      className="relative"
      style={{ height: virtualizer.getTotalSize() }}
      onFocus={({ target }) => setFocusedId(target.closest("li")?.dataset.videoId ?? null)}
      onBlur={() => setFocusedId(null)}
      // The person may leave for a video before the scrolling has come to rest.
      onClickCapture={remember}
    >
      {rows.map(({ index, key, start }) => {
        const video = videos[index];
        return (
          video && (
            <VideoRow
              key={key}
              row={virtualizer.measureElement}
              index={index}
              setSize={total ?? -1}
              top={start - scrollMargin}
              video={video}
              now={now}
              held={held?.id === video.id ? held.how : null}
              choice={selection.isOpen ? selection.has(video.id) : null}
              onChoose={selection.choose}
              onDelete={onDelete}
            />
          )
        );
      })}
    </ul>
  );
}

function withRow(rows: number[], index: number): number[] {
  return index < 0 || rows.includes(index) ? rows : [...rows, index].sort((a, b) => a - b);
}

/** Return how far the list is below the top of the document. What is above it may grow. */
function useOffset(list: RefObject<HTMLElement | null>): number {
  const [offset, setOffset] = useState(0);
  useLayoutEffect(() => {
    const measure = () => {
      if (list.current !== null) setOffset(Math.round(list.current.getBoundingClientRect().top + scrollY));
    };
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(document.body);
    return () => observer.disconnect();
  }, [list]);
  return offset;
}

/** Note the row that is visible whenever the scrolling has come to rest, and when another list is shown. */
function useRememberedPlace(path: string, onRest: () => void): void {
  const remember = useEffectEvent(onRest);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the place belongs to the path.
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const settle = () => {
      clearTimeout(timer);
      timer = setTimeout(remember, SETTLED_MS);
    };
    settle();
    addEventListener("scroll", settle, { passive: true });
    return () => {
      clearTimeout(timer);
      removeEventListener("scroll", settle);
    };
  }, [path]);
}
