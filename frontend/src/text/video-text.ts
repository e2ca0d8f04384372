// Gives the texts of a video's page, which says also what the list says.
import { enVideo } from "./en-video";
import { enVideos } from "./en-videos";
import { completer, type Text } from "./text";
import { useText } from "./use-text";

export type VideoText = Text & typeof enVideos & typeof enVideo;

export const withVideoWords = completer({ ...enVideos, ...enVideo });

export function useVideoText(): VideoText {
  return withVideoWords(useText());
}
