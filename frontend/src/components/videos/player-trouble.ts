// Finds out why a video doesn't play. The media element calls every failed first request an unsupported format.
import type { Video } from "@/lib/api/client";
import { spell } from "@/lib/format";

type FileTrouble = "cannot_play" | "no_picture" | "ends_early";
export type Trouble = FileTrouble | keyof typeof LOAD_TEXTS;

const LOAD_TEXTS = {
  not_loaded: "Check your connection and try again.",
  refused: "The storage refused the link to the video. Try again.",
  missing: "The storage no longer has the file. If you have a copy, upload it again.",
  failing: "The storage can't send the video at the moment. Try again later.",
};

// Codes of MediaError (HTML standard).
const NETWORK = 2;
const DECODE = 3;

/** Judge the player's error code by the status that the video's URL answers. Null is no answer that the page may read. */
export function troubleFor(
  errorCode: number | undefined,
  status: number | null,
  truncated: boolean | null,
): Trouble {
  // Chromium plays a truncated MP4 until its last frame, which is cut off.
  if (errorCode === DECODE) return truncated === true ? "ends_early" : "cannot_play";
  if (status === 200) return errorCode === NETWORK ? "not_loaded" : "cannot_play";
  if (status === null) return "not_loaded";
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
  return !(trouble in LOAD_TEXTS);
}

export function troubleTitle(trouble: Trouble): string {
  if (trouble === "cannot_play") return "This browser can't play the video";
  if (trouble === "ends_early") return "The player stopped where data is missing";
  return trouble === "no_picture" ? "This browser can't show the picture" : "The video couldn't be loaded";
}

export function troubleText(trouble: Trouble, video: Pick<Video, "container" | "video_codec">): string {
  if (!isFileTrouble(trouble)) return LOAD_TEXTS[trouble];
  if (trouble === "ends_early") return "This file ends early. To watch it from the start, try again.";
  const format = [video.container, video.video_codec].filter((name) => name !== null).map(spell);
  const what = format.length === 0 ? "The format" : `${format.join(" with ")}`;
  return `${what} isn't supported by every browser. Download the video and open it in a player on your device.`;
}
