// The path that the site is served under, such as `/video`. The app writes it into the page (PUBLIC_PATH).

/** Empty at the root of a host, and while the page is exported. */
const PUBLIC_PATH =
  typeof document === "undefined" ? "" : (document.documentElement.dataset.publicPath ?? "");

/** Return the address of a path of this site, such as `/video/login` for `/login`. */
export function publicAddress(path: string, publicPath = PUBLIC_PATH): string {
  return publicPath + path;
}

/** Return the path of this site that an address names. It is the inverse of `publicAddress`. */
export function sitePath(address: string, publicPath = PUBLIC_PATH): string {
  if (address === publicPath) return "/";
  return address.startsWith(`${publicPath}/`) ? address.slice(publicPath.length) : address;
}
