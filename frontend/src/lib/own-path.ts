// Restricts the redirect after sign-in to paths of this site.

// Any origin will do. The URL parser needs one to resolve a path as a browser does.
const PARSE_BASE = "https://slipway.invalid";
/** Why somebody has to sign in again. `why` of the sign-in page's query says it. */
export type WhySignedOut = "ended" | "deleted";

const SIGNED_OUT_PATHS = ["/login", "/register"];

/** Return `next` if it is a path of this site, and `/` otherwise. */
export function ownPath(next: string | null): string {
  if (next === null || !next.startsWith("/")) return "/";
  // The URL parser reads `//host`, `/\host` and `/<tab>/host` as another host.
  const url = URL.canParse(next, PARSE_BASE) ? new URL(next, PARSE_BASE) : null;
  if (url === null || url.origin !== PARSE_BASE) return "/";
  if (url.pathname.startsWith("//") || SIGNED_OUT_PATHS.includes(url.pathname)) return "/";
  return `${url.pathname}${url.search}${url.hash}`;
}

/** Return the URL of the sign-in page that redirects back to `path`. */
export function signInPath(path: string, why: WhySignedOut | null = null): string {
  const next = ownPath(path);
  const query = new URLSearchParams();
  if (next !== "/") query.set("next", next);
  if (why !== null) query.set("why", why);
  return query.size === 0 ? "/login" : `/login?${query}`;
}

export function readWhy(query: Pick<URLSearchParams, "get">): WhySignedOut | null {
  const why = query.get("why");
  return why === "ended" || why === "deleted" ? why : null;
}
