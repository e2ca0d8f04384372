// Gives the texts of a video's page, which says also what the list says.
import { enVideo } from "./en-video";
import { enVideos } from "./en-videos";
import { completer } from "./text";
import { useText } from "./use-text";

const withVideoWords = completer({ ...enVideos, ...enVideo });

export type VideoText = ReturnType<typeof withVideoWords>;

export function useVideoText(): VideoText {
  return withVideoWords(useText());
}
