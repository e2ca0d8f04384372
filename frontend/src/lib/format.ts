// Formats sizes, times, resolutions and codec names.
import type { FormatWords } from "@/text/en-format";

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;
const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;
const DAY_MS = 86_400_000;

export type Format = ReturnType<typeof makeFormat>;

/** Return the formats of a locale, for example `en-GB`. The time zone is the browser's. */
export function makeFormat(locale: string, words: FormatWords) {
  const upTo = (maximumFractionDigits: number) => new Intl.NumberFormat(locale, { maximumFractionDigits });
  const whole = upTo(0);
  const tenths = upTo(1);
  const thousandths = upTo(3);
  const tenth = new Intl.NumberFormat(locale, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
  const byteCount = new Intl.NumberFormat(locale, { style: "unit", unit: "byte", unitDisplay: "long" });
  const unit = (name: "second" | "minute") =>
    new Intl.NumberFormat(locale, {
      style: "unit",
      unit: name,
      unitDisplay: "long",
      maximumFractionDigits: 0,
    });
  const waitSeconds = unit("second");
  const waitMinutes = unit("minute");
  const share = new Intl.NumberFormat(locale, { style: "percent" });
  const clock = new Intl.DateTimeFormat(locale, { timeStyle: "short" });
  const day = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" });
  const dayAndYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "short", year: "numeric" });
  const long = new Intl.DateTimeFormat(locale, { dateStyle: "long", timeStyle: "short" });
  const and = new Intl.ListFormat(locale);
  const or = new Intl.ListFormat(locale, { type: "disjunction" });

  /** 1536 -> "1.5 KiB", in powers of 1024. */
  function bytes(count: number): string {
    let value = count;
    let unit = 0;
    // 1023.95 would round to "1024", so it takes the next unit.
    while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
      value /= 1024;
      unit += 1;
    }
    if (unit === 0) return byteCount.format(value);
    return `${(value < 99.95 ? tenths : whole).format(value)} ${UNITS[unit]}`;
  }

  /** 83.4 -> "1:23", 3723 -> "1:02:03", 0.42 -> "0.4 s". */
  function duration(seconds: number): string {
    if (seconds < 1) return words.secondsShort(tenth.format(seconds));
    const total = Math.round(seconds);
    const hours = Math.floor(total / HOUR_SECONDS);
    const minutes = Math.floor((total % HOUR_SECONDS) / MINUTE_SECONDS);
    const rest = String(total % MINUTE_SECONDS).padStart(2, "0");
    return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
  }

  /** 83.41667 -> "83.417 seconds". */
  function exactSeconds(seconds: number): string {
    const exact = Number(seconds.toFixed(3));
    return words.seconds(thousandths.format(exact), exact);
  }

  /** 95 -> "1–2 min left". The range is wider the longer the time is. */
  function timeLeft(seconds: number): string {
    const { few, hours, minutes, seconds: short } = words.left;
    if (seconds < 5) return few;
    if (seconds < 10) return range(short, seconds, 5);
    if (seconds < MINUTE_SECONDS) return range(short, seconds, 10);
    if (seconds < 10 * MINUTE_SECONDS) return range(minutes, seconds / MINUTE_SECONDS, 1);
    if (seconds < HOUR_SECONDS) return range(minutes, seconds / MINUTE_SECONDS, 5);
    return range(hours, seconds / HOUR_SECONDS, 0.5);
  }

  function range(say: (from: string, to: string) => string, value: number, step: number): string {
    const from = Math.floor(value / step) * step;
    return say(tenths.format(from), tenths.format(from + step));
  }

  /** "Today, 14:32", "Yesterday, 09:05", "3 Mar, 14:32", "3 Mar 2024, 14:32". */
  function when(iso: string, now: Date): string {
    const date = new Date(iso);
    const time = clock.format(date);
    const daysAgo = Math.round((startOfDay(now) - startOfDay(date)) / DAY_MS);
    if (daysAgo === 0) return words.today(time);
    if (daysAgo === 1) return words.yesterday(time);
    const sameYear = date.getFullYear() === now.getFullYear();
    return `${(sameYear ? day : dayAndYear).format(date)}, ${time}`;
  }

  /** 40 -> "40 seconds", 91 -> "2 minutes". */
  function wait(seconds: number): string {
    if (seconds <= 90) return waitSeconds.format(Math.ceil(seconds));
    return waitMinutes.format(Math.ceil(seconds / MINUTE_SECONDS));
  }

  /** Format a bit rate in powers of 1000. */
  function bitRate(bitsPerSecond: number): string {
    if (bitsPerSecond >= 999_500) return `${tenths.format(bitsPerSecond / 1_000_000)} Mbit/s`;
    return `${whole.format(bitsPerSecond / 1000)} kbit/s`;
  }

  return {
    bytes,
    duration,
    exactSeconds,
    timeLeft,
    wait,
    when,
    bitRate,
    secondsShort: (seconds: number) => words.secondsShort(whole.format(seconds)),
    number: (value: number) => whole.format(value),
    /** 8 -> "8%". */
    percent: (percent: number) => share.format(percent / 100),
    exactBytes: (count: number) => byteCount.format(count),
    speed: (bytesPerSecond: number) => `${bytes(Math.round(bytesPerSecond))}/s`,
    fullDate: (iso: string) => long.format(new Date(iso)),
    frameRate: (framesPerSecond: number) => words.framesPerSecond(thousandths.format(framesPerSecond)),
    /** ["MP4", "MOV", "AVI"] -> "MP4, MOV and AVI". */
    and: (items: readonly string[]) => and.format(items),
    or: (items: readonly string[]) => or.format(items),
    /** Spell the name of a container, codec or transfer function. */
    spell: (name: string) => (name === "rawvideo" ? words.uncompressed : spell(name)),
  };
}

function startOfDay(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

// The long and short edge of frame sizes with a common name.
const NAMED_FRAMES: readonly (readonly [longEdge: number, shortEdge: number, name: string])[] = [
  [7680, 4320, "8K"],
  [3840, 2160, "4K"],
  [2560, 1440, "1440p"],
  [1920, 1080, "1080p"],
  [1280, 720, "720p"],
  [1024, 576, "576p"],
  [854, 480, "480p"],
  [640, 360, "360p"],
  [426, 240, "240p"],
  [256, 144, "144p"],
];
// Encoders pad edges to whole blocks, so 1920 × 1088 is 1080p too.
const BLOCK_PADDING = 8;

/** Return "1080p" for 1920 × 1080 or 1080 × 1920, and null if the size has no common name. */
export function resolutionName(width: number, height: number): string | null {
  const longEdge = Math.max(width, height);
  const shortEdge = Math.min(width, height);
  const exact = NAMED_FRAMES.find(([, short]) => short === shortEdge);
  if (exact !== undefined) return exact[2];
  // A large video without black bars (1920 × 800) is named by its long edge.
  const cropped = NAMED_FRAMES.find(
    ([long, short]) => long >= 1280 && long === longEdge && shortEdge <= short + BLOCK_PADDING,
  );
  return cropped?.[2] ?? null;
}

export function formatFrame(width: number, height: number): string {
  return `${width} × ${height}`;
}

const SPELLINGS: Readonly<Record<string, string>> = {
  h264: "H.264",
  hevc: "H.265 (HEVC)",
  mpeg1video: "MPEG-1",
  mpeg2video: "MPEG-2",
  mpeg4: "MPEG-4",
  prores: "ProRes",
  msmpeg4v2: "MS-MPEG-4",
  msmpeg4v3: "MS-MPEG-4",
  mjpeg: "Motion JPEG",
  dvvideo: "DV",
  theora: "Theora",
  opus: "Opus",
  vorbis: "Vorbis",
  eac3: "E-AC-3",
  ac3: "AC-3",
  amr_nb: "AMR",
  dvaudio: "DV",
  wmav2: "WMA",
  sdr: "SDR",
  pq: "HDR10",
  hlg: "HDR (HLG)",
};

/** Spell the name of a container, codec or transfer function, for example "h264" -> "H.264". */
export function spell(name: string): string {
  // The rest of such a name is the size and order of the samples.
  return name.startsWith("pcm_") ? "PCM" : (SPELLINGS[name] ?? spellContainer(name));
}

function spellContainer(name: string): string {
  return name === "webm" ? "WebM" : name.toUpperCase();
}
