// Gives the texts about uploads and the list of videos.
import { enVideos } from "./en-videos";
import { completer } from "./text";
import { useText } from "./use-text";

const withVideosWords = completer(enVideos);

export type VideosText = ReturnType<typeof withVideosWords>;

export function useVideosText(): VideosText {
  return withVideosWords(useText());
}
