// The words in figures and dates, in English.
import { pluralWords } from "./plural";

const seconds = pluralWords("en")({ one: "second", other: "seconds" });

export const format = {
  uncompressed: "Uncompressed",
  seconds: (exact: string, count: number) => `${exact} ${seconds(count)}`,
  secondsShort: (count: string) => `${count} s`,
  today: (time: string) => `Today, ${time}`,
  yesterday: (time: string) => `Yesterday, ${time}`,
  framesPerSecond: (rate: string) => `${rate} fps`,
  left: {
    few: "a few seconds left",
    seconds: (from: string, to: string) => `${from}–${to} s left`,
    minutes: (from: string, to: string) => `${from}–${to} min left`,
    hours: (from: string, to: string) => `${from}–${to} h left`,
  },
};

export type FormatWords = typeof format;
