// All texts in English. Other languages are fetched whole, because they are fetched once.
import { en } from "./en";
import { enAccount } from "./en-account";
import { enVideo } from "./en-video";
import { enVideos } from "./en-videos";
import { makeText } from "./text";

export const allEnglish = { ...en, ...enVideos, ...enVideo, ...enAccount };

export type AllWords = typeof allEnglish;

/** The texts of all pages, for tests. */
export const ALL_ENGLISH = makeText(allEnglish, "en", "en-GB");
