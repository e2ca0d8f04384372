// Where to go after signing in: only to a path of this site, whatever the address asks for.

// Any origin will do: it is only there so that a relative path can be parsed as the browser would.
const PARSE_BASE = "https://slipway.invalid";
const SIGNED_OUT_PATHS = ["/login", "/register"];

/** `next` when it stays on this site, else `/`. */
export function ownPath(next: string | null): string {
  if (next === null || !next.startsWith("/")) return "/";
  // The URL parser reads `//host`, `/\host` and `/<tab>/host` as another host: compare what it made of it.
  const url = URL.canParse(next, PARSE_BASE) ? new URL(next, PARSE_BASE) : null;
  if (url === null || url.origin !== PARSE_BASE) return "/";
  if (url.pathname.startsWith("//") || SIGNED_OUT_PATHS.includes(url.pathname)) return "/";
  return `${url.pathname}${url.search}${url.hash}`;
}

/** The address of the sign-in page that comes back to `path`. */
export function signInPath(path: string): string {
  const next = ownPath(path);
  return next === "/" ? "/login" : `/login?next=${encodeURIComponent(next)}`;
}
