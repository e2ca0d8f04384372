// Gives the texts of the account's page, which counts videos too.
import { enAccount } from "./en-account";
import { enVideos } from "./en-videos";
import { completer } from "./text";
import { useText } from "./use-text";

const withAccountWords = completer({ ...enVideos, ...enAccount });

export type AccountText = ReturnType<typeof withAccountWords>;

export function useAccountText(): AccountText {
  return withAccountWords(useText());
}
