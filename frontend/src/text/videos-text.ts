// Gives the texts about uploads and the list of videos.
import { enVideos } from "./en-videos";
import { completer, type Text } from "./text";
import { useText } from "./use-text";

export type VideosText = Text & typeof enVideos;

export const withVideosWords = completer(enVideos);

export function useVideosText(): VideosText {
  return withVideosWords(useText());
}
