// The search, filter and order of the list of videos, as the page's address tells them.
import type { components } from "../api/schema";
import { REFUSED_CHARACTERS } from "../refused-characters";

type Status = components["schemas"]["VideoStatus"];

export const SORTS = [
  "newest",
  "oldest",
  "name",
  "name_desc",
  "largest",
  "smallest",
  "longest",
  "shortest",
] as const satisfies readonly components["schemas"]["VideoSort"][];
export type Sort = (typeof SORTS)[number];

/** The choices of the filter, and the states that each shows. */
export const FILTERS = {
  ready: ["ready"],
  checking: ["completing", "processing"],
  unfinished: ["uploading"],
  failed: ["failed", "expired"],
} as const satisfies Readonly<Record<string, readonly Status[]>>;
export type Filter = keyof typeof FILTERS;

export interface ListView {
  /** A part of the name. Empty matches every name. */
  readonly search: string;
  /** Null shows every state. */
  readonly filter: Filter | null;
  readonly sort: Sort;
}

export const ALL_VIDEOS: ListView = { search: "", filter: null, sort: "newest" };

// The API refuses a longer text.
export const MAX_SEARCH_CHARACTERS = 255;

/** Return the view that the address names. What it does not know counts as not given. */
export function readView(query: Pick<URLSearchParams, "get">): ListView {
  const status = query.get("status");
  const sort = query.get("sort");
  return {
    // A text copied from a table has tabs.
    search: [...(query.get("q") ?? "").replace(REFUSED_CHARACTERS, " ").trim()]
      .slice(0, MAX_SEARCH_CHARACTERS)
      .join(""),
    filter: status !== null && isFilter(status) ? status : null,
    sort: SORTS.find((known) => known === sort) ?? ALL_VIDEOS.sort,
  };
}

/** Return the path of the list in this view. What is at its default is left out. */
export function viewPath({ search, filter, sort }: ListView): string {
  const query = new URLSearchParams();
  if (search !== "") query.set("q", search);
  if (filter !== null) query.set("status", filter);
  if (sort !== ALL_VIDEOS.sort) query.set("sort", sort);
  return query.size === 0 ? "/" : `/?${query}`;
}

/** Whether the view leaves videos out. */
export function isNarrowed({ search, filter }: ListView): boolean {
  return search !== "" || filter !== null;
}

/** Return the view as parameters of `GET /videos`. */
export function viewParameters({ search, filter, sort }: ListView) {
  return {
    sort,
    ...(search === "" ? {} : { q: search }),
    ...(filter === null ? {} : { status: [...FILTERS[filter]] }),
  };
}

export function isFilter(text: string): text is Filter {
  return Object.hasOwn(FILTERS, text);
}
