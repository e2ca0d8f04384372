// Finds out why a video doesn't play. The media element calls every failed first request an unsupported format.
import type { Video } from "@/lib/api/client";
import type { VideoText } from "@/text/video-text";
import { endsEarlyText } from "./video-facts";

type FileTrouble = "cannot_play" | "no_picture" | "ends_early" | "cut_off" | "stopped";
type LoadTrouble = "not_loaded" | "refused" | "missing" | "failing";
export type Trouble = FileTrouble | LoadTrouble;

const FILE_TROUBLES: readonly Trouble[] = [
  "cannot_play",
  "no_picture",
  "ends_early",
  "cut_off",
  "stopped",
] satisfies readonly FileTrouble[];

// Codes of MediaError (HTML standard).
const NETWORK = 2;
const DECODE = 3;

/**
 * Judge the player's error code by the status that the video's URL answers. Null is no answer that the page may read.
 * `hasPlayed` says whether the player showed more than the first picture.
 */
export function troubleFor(
  errorCode: number | undefined,
  status: number | null,
  { truncated, hasPlayed }: { truncated: boolean | null; hasPlayed: boolean },
): Trouble {
  if (status !== null && status !== 200) return refusal(status);
  if (errorCode !== DECODE && (status === null || errorCode === NETWORK)) return "not_loaded";
  // A format that played is supported, so the decoder failed, for example because the graphics driver was restarted.
  if (truncated !== true) return errorCode === DECODE && hasPlayed ? "stopped" : "cannot_play";
  // Chromium plays a truncated MP4 until its last frame, which is cut off. Before the first one, nothing tells a format
  // that the browser lacks from a file with too little data.
  return errorCode === DECODE && hasPlayed ? "ends_early" : "cut_off";
}

function refusal(status: number): Trouble {
  if (status === 401 || status === 403) return "refused";
  return status === 404 || status === 410 ? "missing" : "failing";
}

const ANSWER_MS = 10_000;

/**
 * Return the status that the URL answers, or null.
 * The URL is signed for GET, and the bucket's CORS rule allows no Range header, so ask for all and drop the body.
 */
export async function statusOf(url: string): Promise<number | null> {
  const request = new AbortController();
  const timer = setTimeout(() => request.abort(), ANSWER_MS);
  try {
    // The cache may have the player's answer, which has no CORS headers.
    return (await fetch(url, { cache: "no-store", signal: request.signal })).status;
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    request.abort();
  }
}

export function isFileTrouble(trouble: Trouble): trouble is FileTrouble {
  return FILE_TROUBLES.includes(trouble);
}

/** Return whether the same player may play the same file if it tries again. */
export function mayPassNextTime(trouble: Trouble): boolean {
  return trouble === "ends_early" || trouble === "stopped" || !isFileTrouble(trouble);
}

export function troubleTitle(t: VideoText, trouble: Trouble): string {
  return t.video.trouble.titles[isFileTrouble(trouble) ? trouble : "not_loaded"];
}

type Described = Pick<Video, "container" | "video_codec" | "truncated" | "available_percent">;

export function troubleText(t: VideoText, trouble: Trouble, video: Described): string {
  const texts = t.video.trouble;
  if (trouble === "cannot_play" || trouble === "no_picture") return texts.notSupported(formatOf(t, video));
  if (trouble === "cut_off") return texts.cut_off(endsEarlyText(t, video) ?? "");
  return texts[trouble];
}

function formatOf(t: VideoText, video: Pick<Video, "container" | "video_codec">): string {
  const known = [video.container, video.video_codec].filter((name) => name !== null);
  const [first, second] = known.map(t.format.spell);
  if (first === undefined) return t.video.trouble.theFormat;
  return second === undefined ? first : t.video.trouble.formatWith(first, second);
}
