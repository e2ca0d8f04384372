// Remembers in this tab which list the person saw, and how far down, so that the way back leads there.

const KEY = "slipway.list";

export interface ListPlace {
  /** The path of the list with its search and order. */
  readonly path: string;
  /** The first row that was visible, or 0 if the page's top was. */
  readonly row: number;
}

export function rememberPlace(place: ListPlace): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify(place));
  } catch {
    // A browser may refuse storage. The list then starts at its top.
  }
}

export function forgetPlace(): void {
  rememberPlace({ path: "/", row: 0 });
}

export function lastPlace(): ListPlace {
  try {
    return readPlace(sessionStorage.getItem(KEY));
  } catch {
    return readPlace(null);
  }
}

/** Return the place that the text tells, or the start of the whole list. */
export function readPlace(text: string | null): ListPlace {
  const start = { path: "/", row: 0 };
  if (text === null) return start;
  try {
    const { path, row } = JSON.parse(text) as Partial<Record<keyof ListPlace, unknown>>;
    const isOurs = typeof path === "string" && /^\/(\?|$)/.test(path);
    return isOurs && Number.isSafeInteger(row) ? { path, row: row as number } : start;
  } catch {
    return start;
  }
}
