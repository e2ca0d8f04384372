// Gives the texts of the account's page, which counts videos too.
import { enAccount } from "./en-account";
import { enVideos } from "./en-videos";
import { completer, type Text } from "./text";
import { useText } from "./use-text";

export type AccountText = Text & typeof enVideos & typeof enAccount;

export const withAccountWords = completer({ ...enVideos, ...enAccount });

export function useAccountText(): AccountText {
  return withAccountWords(useText());
}
