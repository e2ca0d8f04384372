// Collects all that the API tells a person about the account.
import { api, type Video } from "./api/client";
import { ALL_VIDEOS } from "./list/view";

/** The API as far as it is needed here. */
type Source = Pick<typeof api, "me" | "listSessions" | "listVideos">;

/** `onCount` hears how many videos are collected. A link to a video is left out, because whoever has it may play it. */
export async function collectData(
  onCount: (videos: number) => void,
  signal: AbortSignal,
  source: Source = api,
): Promise<string> {
  const account = await source.me(signal);
  const sessions = await source.listSessions(signal);
  const videos = new Map<string, object>();
  let cursor: string | null = null;
  do {
    // A video that moves in the order while they are collected is on two pages.
    const page = await source.listVideos({ ...ALL_VIDEOS, sort: "oldest" }, cursor, signal);
    for (const video of page.items) videos.set(video.id, withoutLink(video));
    onCount(videos.size);
    cursor = page.next_cursor;
  } while (cursor !== null);
  const made = { exported_at: new Date().toISOString(), account, sessions, videos: [...videos.values()] };
  return JSON.stringify(made, null, 2);
}

function withoutLink({ delivery_url: _, delivery_url_expires_at: __, ...rest }: Video): object {
  return rest;
}
