// Merges fresh answers into the pages of the list that are loaded.
import type { components } from "../api/schema";

type Video = components["schemas"]["VideoOut"];
type VideoList = components["schemas"]["VideoListOut"];

export interface ListPages {
  readonly pages: VideoList[];
  readonly pageParams: (string | null)[];
}

/** Return the videos of all pages, each once. A video that moved in the order may be on two pages. */
export function listedVideos({ pages }: Pick<ListPages, "pages">): Video[] {
  const byId = new Map<string, Video>();
  for (const { items } of pages)
    for (const video of items) if (!byId.has(video.id)) byId.set(video.id, video);
  return [...byId.values()];
}

/**
 * Replace the first page by a fresh one, and keep the videos that follow it in the order.
 * If nothing joins the fresh page to the old ones, only the fresh page is left, and the rest is loaded again.
 */
export function withFreshStart(list: ListPages, fresh: VideoList): ListPages {
  const isFresh = new Set(fresh.items.map(({ id }) => id));
  const before = listedVideos(list);
  const places = new Map(before.map(({ id }, place) => [id, place]));
  const joint = fresh.items.map(({ id }) => places.get(id)).findLast((place) => place !== undefined);
  const [first, ...later] = list.pages;
  if (first === undefined || later.length === 0 || fresh.next_cursor === null || joint === undefined) {
    return { pages: [fresh], pageParams: [null] };
  }
  const follows = new Set(before.slice(joint + 1).map(({ id }) => id));
  const kept = (items: Video[]) => items.filter(({ id }) => follows.has(id) && !isFresh.has(id));
  return {
    ...list,
    pages: [
      { ...fresh, items: [...fresh.items, ...kept(first.items)], next_cursor: first.next_cursor },
      ...later.map((page) => ({ ...page, items: kept(page.items) })),
    ],
  };
}

/** Return the pages with the items of each changed. */
export function editItems(list: ListPages, edit: (items: Video[]) => Video[]): ListPages {
  return { ...list, pages: list.pages.map((page) => ({ ...page, items: edit(page.items) })) };
}
