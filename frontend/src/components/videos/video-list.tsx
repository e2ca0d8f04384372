// Lists the user's videos, with a search, a filter and an order.
"use client";

import { Clapperboard } from "lucide-react";
import { type ReactNode, type RefObject, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useAnnounce } from "@/components/announcer";
import { ErrorNotice } from "@/components/error-notice";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { useCurrentUpload } from "@/components/upload/current-upload";
import { useListView } from "@/hooks/use-list-view";
import { useSelection } from "@/hooks/use-selection";
import { heldVideo, isBusy } from "@/hooks/use-upload";
import { useVideoList } from "@/hooks/use-video-list";
import type { Video, VideoList as VideoListPage } from "@/lib/api/client";
import { cn } from "@/lib/cn";
import { listedVideos } from "@/lib/list/pages";
import { lastPlace } from "@/lib/list/place";
import { isNarrowed, type ListView, viewPath } from "@/lib/list/view";
import { problemOf } from "@/text/problems";
import type { VideosText } from "@/text/videos-text";
import { useVideosText } from "@/text/videos-text";
import { DeleteVideosDialog } from "./delete-videos-dialog";
import { ListControls } from "./list-controls";
import { useRemovals } from "./removals";
import { SelectionBar } from "./selection-bar";
import { SpaceUsed } from "./space-used";
import { VideoListSkeleton } from "./video-list-skeleton";
import { COLUMNS } from "./video-row";
import { VideoRows } from "./video-rows";

const NONE: readonly Video[] = [];
// With more rows, some are not drawn.
const LIST_ALL_DRAWN = 20;
// So many rows are loaded to find the place again after a reload.
const MAX_ROWS_SOUGHT = 1000;

export function VideoList() {
  const t = useVideosText();
  const [view, changeView] = useListView();
  const { list, refreshError } = useVideoList(view);
  const held = heldVideo(useCurrentUpload().state);
  const { removed, remove } = useRemovals();
  const [doomed, setDoomed] = useState<readonly Video[]>([]);
  const heading = useRef<HTMLHeadingElement>(null);
  const search = useRef<HTMLInputElement>(null);
  const now = useNow();
  const listed = useMemo(() => list.data && listedVideos(list.data), [list.data]);
  const videos = useMemo(() => listed?.filter(({ id }) => !removed.has(id)), [listed, removed]);
  const count = countOf(list.data, (listed?.length ?? 0) - (videos?.length ?? 0));
  const sendingId = held !== null && isBusy(held.how) ? held.id : null;
  const mayChoose = useCallback((video: Video) => video.id !== sendingId, [sendingId]);
  const selection = useSelection(videos ?? NONE, mayChoose);
  const leftovers = videos?.filter(({ id, status }) => status === "uploading" && id !== held?.id) ?? NONE;
  const deleteOne = useCallback((video: Video) => remove([video]), [remove]);
  const countText = count === null ? null : textOfCount(t, count);
  const startAt = useStart(list, videos?.length ?? null, viewPath(view));
  useAnnouncedCount(view, list.isPlaceholderData ? null : countText);
  useSearchInstead(search, videos?.length ?? 0);
  const isEmpty = videos?.length === 0 && !isNarrowed(view) && !list.isPlaceholderData;

  return (
    <section aria-labelledby="videos-title" tabIndex={-1} className="mt-10">
      <div className="mb-3 flex flex-wrap items-baseline gap-x-3 gap-y-1">
        <h2 id="videos-title" ref={heading} tabIndex={-1} className="font-semibold text-lg tracking-tight">
          {t.videos.title}
        </h2>
        {!isEmpty && <p className="text-muted-foreground text-sm tabular-nums">{countText}</p>}
        {videos !== undefined && videos.length > 1 && !selection.isOpen && (
          <Button variant="link" size="inline" className="ms-auto sm:hidden" onClick={selection.open}>
            {t.videos.selection.start}
          </Button>
        )}
        <div className="max-sm:w-full sm:ms-auto">
          <SpaceUsed />
        </div>
      </div>
      {videos !== undefined && !isEmpty && <ListControls view={view} onChange={changeView} field={search} />}
      {content()}
      {selection.isOpen && (
        <SelectionBar selection={selection} onDelete={() => setDoomed(selection.chosen)} />
      )}
      <DeleteVideosDialog
        videos={doomed}
        onClose={() => setDoomed([])}
        onConfirm={() => {
          selection.close();
          remove(doomed);
        }}
      />
    </section>
  );

  function content(): ReactNode {
    if (videos === undefined || startAt === null) {
      if (list.error === null) return <VideoListSkeleton />;
      return (
        <ErrorNotice
          title={t.videos.notLoaded}
          error={list.error}
          place="list"
          onRetry={() => void list.refetch()}
        />
      );
    }
    if (isEmpty) return <EmptyList />;
    if (videos.length === 0) return <NothingFound view={view} onClear={showAll} />;
    return (
      <>
        {refreshError !== null && (
          <p className="mb-3 text-muted-foreground text-sm">
            {t.videos.outOfDate(problemOf(t, refreshError, "list").sentence)}
          </p>
        )}
        {leftovers.length > 1 && (
          <div className="mb-3 flex flex-wrap items-center gap-x-3 text-sm">
            <p className="text-muted-foreground">{t.videos.leftovers(t.format.number(leftovers.length))}</p>
            <Button variant="link" size="inline" onClick={() => setDoomed(leftovers)}>
              {t.videos.discardAll}
            </Button>
          </div>
        )}
        <Card className={cn("transition-opacity", list.isPlaceholderData && "opacity-60")}>
          <VideoListHead />
          <VideoRows
            // Another list begins at its own place.
            key={viewPath(view)}
            videos={videos}
            total={count?.isExact ? Math.max(count.count, videos.length) : null}
            now={now}
            held={held}
            selection={selection}
            path={viewPath(view)}
            startAt={startAt}
            onNear={() => {
              if (list.hasNextPage && !list.isFetching && !list.isFetchNextPageError)
                void list.fetchNextPage();
            }}
            onDelete={deleteOne}
          />
        </Card>
        {list.isFetchNextPageError && (
          <div className="mt-4">
            <ErrorNotice
              title={t.videos.moreNotLoaded}
              error={list.error}
              place="list"
              onRetry={() => void list.fetchNextPage()}
            />
          </div>
        )}
        {list.isFetchingNextPage && (
          <p className="mt-4 text-center text-muted-foreground text-sm">{t.videos.loading}</p>
        )}
      </>
    );
  }

  function showAll() {
    changeView({ search: "", filter: null });
    search.current?.focus();
  }
}

interface Count {
  readonly count: number;
  readonly isExact: boolean;
}

/** `gone` of the listed videos were removed since the list was asked for. */
function countOf(list: { pages: VideoListPage[] } | undefined, gone: number): Count | null {
  const first = list?.pages[0];
  if (first?.count == null) return null;
  const isExact = first.count_is_exact === true;
  return { count: isExact ? Math.max(first.count - gone, 0) : first.count, isExact };
}

function textOfCount(t: VideosText, { count, isExact }: Count): string {
  const shown = t.format.number(count);
  return isExact ? t.videos.count(count, shown) : t.videos.countAbove(shown);
}

/** Return the row with which the list begins, or null while the rows before it are loaded after a reload. */
function useStart(list: ReturnType<typeof useVideoList>["list"], loaded: number | null, path: string) {
  const [place] = useState(lastPlace);
  const [isFound, setFound] = useState(false);
  const wanted = place.path === path && !isFound ? Math.min(place.row, MAX_ROWS_SOUGHT) : 0;
  const mayLoad = list.hasNextPage && !list.isError;
  const isSought = loaded !== null && loaded <= wanted && mayLoad;
  useEffect(() => {
    if (isSought && !list.isFetching) void list.fetchNextPage();
    if (loaded !== null && !isSought) setFound(true);
  }, [isSought, loaded, list.isFetching, list.fetchNextPage]);
  return isSought ? null : wanted;
}

/** Tell how many videos are found after each search. What the page begins with is not a search. */
function useAnnouncedCount(view: ListView, countText: string | null): void {
  const announce = useAnnounce();
  const announced = useRef(view);
  useEffect(() => {
    if (countText === null || announced.current === view) return;
    announced.current = view;
    announce(countText);
  }, [announce, view, countText]);
}

/** The browser's own search finds only the rows near the window, so Ctrl+F leads to the list's search first. */
function useSearchInstead(search: RefObject<HTMLInputElement | null>, rows: number): void {
  const t = useVideosText();
  const announce = useAnnounce();
  const isPartial = rows > LIST_ALL_DRAWN;
  useEffect(() => {
    if (!isPartial) return;
    const find = (event: KeyboardEvent) => {
      const isFind = (event.ctrlKey || event.metaKey) && !event.shiftKey && event.key.toLowerCase() === "f";
      if (!isFind || search.current === null || document.activeElement === search.current) return;
      event.preventDefault();
      search.current.focus();
      search.current.select();
      announce(t.videos.search.instead(event.metaKey ? "⌘F" : "Ctrl+F"));
    };
    addEventListener("keydown", find);
    return () => removeEventListener("keydown", find);
  }, [isPartial, search, announce, t]);
}

/** Label the columns. Each cell has a label of its own for screen readers. */
function VideoListHead() {
  const { columns } = useVideosText().videos;
  return (
    <div
      aria-hidden="true"
      className={cn("hidden border-b bg-muted/40 px-5 py-2.5 text-muted-foreground text-xs xl:grid", COLUMNS)}
    >
      <span>{columns.name}</span>
      <span>{columns.duration}</span>
      <span>{columns.resolution}</span>
      <span>{columns.size}</span>
      <span>{columns.uploaded}</span>
      <span>{columns.status}</span>
    </div>
  );
}

function nothingText(t: VideosText["videos"]["search"], { search, filter }: ListView): string {
  if (search === "") return t.nothingInFilter;
  return filter === null ? t.nothingNamed(search) : t.nothingNamedInFilter(search);
}

function NothingFound({ view, onClear }: { view: ListView; onClear: () => void }) {
  const t = useVideosText().videos.search;
  return (
    <Card className="flex flex-col items-center px-6 py-14 text-center">
      <p className="font-medium">{t.nothing}</p>
      <p className="mt-1 max-w-full break-words text-muted-foreground text-sm">{nothingText(t, view)}</p>
      <Button variant="secondary" className="mt-5" onClick={onClear}>
        {t.showAll}
      </Button>
    </Card>
  );
}

function EmptyList() {
  const t = useVideosText();
  return (
    <Card className="flex flex-col items-center px-6 py-14 text-center">
      <span className="grid size-12 place-items-center rounded-full bg-muted text-muted-foreground">
        <Clapperboard className="size-6" />
      </span>
      <p className="mt-4 font-medium">{t.videos.empty}</p>
      <p className="mt-1 max-w-sm text-muted-foreground text-sm leading-relaxed">{t.videos.emptyHint}</p>
    </Card>
  );
}

const MINUTE_MS = 60_000;

/** Return the time, updated every minute for "Today" and "Yesterday". */
function useNow(): Date {
  const [now, setNow] = useState(() => new Date());
  useEffect(() => {
    const timer = setInterval(() => setNow(new Date()), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}
