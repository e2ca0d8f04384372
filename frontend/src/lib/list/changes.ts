// Applies what `GET /videos/changes` tells to the pages of the list that are loaded.
import type { components } from "../api/schema";
import { editItems, type ListPages, listedVideos } from "./pages";
import { ALL_VIDEOS, isNarrowed, type ListView } from "./view";

type Video = components["schemas"]["VideoOut"];
type Changes = components["schemas"]["VideoChangesOut"];

/** What an answer says of each video, by its ID. It is the video as JSON, or `GONE`. The next answer repeats a part. */
export type VideoTexts = ReadonlyMap<string, string>;

const GONE = "gone";

export function textsOf({ items, gone }: Changes): VideoTexts {
  return new Map([
    ...items.map((video) => [video.id, JSON.stringify(video)] as const),
    ...gone.map((id) => [id, GONE] as const),
  ]);
}

export interface Changed {
  readonly list: ListPages;
  /** The changes don't say where a video belongs now, or how many there are. The first page of a new list does. */
  readonly needsStart: boolean;
}

export function withChanges(list: ListPages, changes: Changes, view: ListView, known: VideoTexts): Changed {
  const news = textsOf(changes);
  const isNew = (id: string) => news.get(id) !== known.get(id);
  const loaded = new Map(listedVideos(list).map((video) => [video.id, video]));
  const gone = new Set(changes.gone.filter(isNew));
  const items = changes.items.filter(({ id }) => isNew(id));
  const changed = new Map(items.filter(({ id }) => loaded.has(id)).map((video) => [video.id, video]));
  const others = items.filter(({ id }) => !loaded.has(id));

  const removed = [...gone].filter((id) => loaded.has(id)).length;
  const kept = editItems(list, (page) =>
    page.filter(({ id }) => !gone.has(id)).map((video) => changed.get(video.id) ?? video),
  );
  const counted = withCount(kept, -removed);
  const isUnknownGone = removed < gone.size;
  if (isNarrowed(view) || view.sort !== ALL_VIDEOS.sort) {
    const stays = [...changed.values()].every((video) => isSameInList(video, loaded.get(video.id)));
    return { list: counted, needsStart: isUnknownGone || others.length > 0 || !stays };
  }
  return { list: others.reduce(insertNewest, counted), needsStart: isUnknownGone };
}

/** Whether a change leaves a video in its filter and in its place of each order. Name and size never change. */
function isSameInList(video: Video, before: Video | undefined): boolean {
  return video.status === before?.status && video.duration_seconds === before.duration_seconds;
}

/** Insert a video into a list whose newest videos come first, unless its place is not loaded. */
function insertNewest(list: ListPages, video: Video): ListPages {
  const pages = list.pages.map(({ items }) => items.findIndex((item) => isNewer(video, item)));
  const found = pages.findIndex((place) => place >= 0);
  const last = list.pages.length - 1;
  if (found < 0 && list.pages[last]?.next_cursor != null) return list;
  const [at, place] = found < 0 ? [last, Number.POSITIVE_INFINITY] : [found, pages[found] ?? 0];
  const inserted = list.pages.map((page, index) =>
    index === at ? { ...page, items: page.items.toSpliced(place, 0, video) } : page,
  );
  return withCount({ ...list, pages: inserted }, 1);
}

function isNewer(a: Video, b: Video): boolean {
  const [first, second] = [Date.parse(a.created_at), Date.parse(b.created_at)];
  return first > second || (first === second && a.id > b.id);
}

function withCount(list: ListPages, difference: number): ListPages {
  const [first, ...later] = list.pages;
  if (first?.count == null || first.count_is_exact !== true || difference === 0) return list;
  return { ...list, pages: [{ ...first, count: Math.max(0, first.count + difference) }, ...later] };
}

/** Note until when the list is up to date. */
export function withTime(list: ListPages, as_of: string): ListPages {
  const [first, ...later] = list.pages;
  return first === undefined ? list : { ...list, pages: [{ ...first, as_of }, ...later] };
}
