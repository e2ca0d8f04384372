// The words in figures and dates, in German.
import type { FormatWords } from "./en-format";
import { pluralWords } from "./plural";

const seconds = pluralWords("de")({ one: "Sekunde", other: "Sekunden" });

export const format: FormatWords = {
  uncompressed: "Unkomprimiert",
  seconds: (exact, count) => `${exact} ${seconds(count)}`,
  secondsShort: (count) => `${count} s`,
  today: (time) => `Heute, ${time}`,
  yesterday: (time) => `Gestern, ${time}`,
  framesPerSecond: (rate) => `${rate} Bilder/s`,
  left: {
    few: "noch wenige Sekunden",
    seconds: (from, to) => `noch ${from}–${to} s`,
    minutes: (from, to) => `noch ${from}–${to} min`,
    hours: (from, to) => `noch ${from}–${to} h`,
  },
};
