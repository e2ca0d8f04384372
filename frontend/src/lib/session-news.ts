// Tells the site's other tabs in this browser when somebody signs in or out, because they share the session cookie.
import { publicAddress } from "./public-path";

/** Another Slipway may be under another path of the same host. */
export const CHANNEL = `slipway-session ${publicAddress("/")}`;

/** The ID of the user who is signed in from now on, or null. */
export type SignedInId = string | null;

let channel: BroadcastChannel | null = null;

// A channel does not hear itself. This tab has one for both directions, because it would hear a second one.
function ownChannel(): BroadcastChannel {
  channel ??= new BroadcastChannel(CHANNEL);
  return channel;
}

export function tellOtherTabs(user: SignedInId): void {
  ownChannel().postMessage(user);
}

/** Call `onNews` for what other tabs tell, until the returned function is called. */
export function hearOtherTabs(onNews: (user: SignedInId) => void): () => void {
  const hear = ({ data }: MessageEvent<unknown>) => onNews(typeof data === "string" ? data : null);
  ownChannel().addEventListener("message", hear);
  return () => ownChannel().removeEventListener("message", hear);
}
