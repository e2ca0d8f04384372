// Formats sizes, times, resolutions and codec names in English.

// The page is in English, so its dates are too. The time zone is the browser's.
const LOCALE = "en-GB";
const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;
const MINUTE_SECONDS = 60;
const HOUR_SECONDS = 3600;
const DAY_MS = 86_400_000;

/** 1536 -> "1.5 KiB", in powers of 1024. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  // 1023.95 would round to "1024", so it takes the next unit.
  while (unit < UNITS.length - 1 && value >= (unit === 0 ? 1024 : 1023.95)) {
    value /= 1024;
    unit += 1;
  }
  if (unit === 0) return `${value} ${value === 1 ? "byte" : "bytes"}`;
  const digits = value < 99.95 ? 1 : 0;
  return `${Number(value.toFixed(digits))} ${UNITS[unit]}`;
}

export function formatSpeed(bytesPerSecond: number): string {
  return `${formatBytes(Math.round(bytesPerSecond))}/s`;
}

/** 83.4 -> "1:23", 3723 -> "1:02:03", 0.42 -> "0.4 s". */
export function formatDuration(seconds: number): string {
  if (seconds < 1) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  const hours = Math.floor(whole / HOUR_SECONDS);
  const minutes = Math.floor((whole % HOUR_SECONDS) / MINUTE_SECONDS);
  const rest = String(whole % MINUTE_SECONDS).padStart(2, "0");
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** 83.41667 -> "83.417 seconds". */
export function formatExactSeconds(seconds: number): string {
  const exact = Number(seconds.toFixed(3));
  return `${exact} ${exact === 1 ? "second" : "seconds"}`;
}

/** 95 -> "1–2 min left". The range is wider the longer the time is. */
export function formatTimeLeft(seconds: number): string {
  if (seconds < 5) return "a few seconds left";
  if (seconds < 10) return "5–10 s left";
  if (seconds < MINUTE_SECONDS) return `${range(seconds, 10)} s left`;
  if (seconds < 10 * MINUTE_SECONDS) return `${range(seconds / MINUTE_SECONDS, 1)} min left`;
  if (seconds < HOUR_SECONDS) return `${range(seconds / MINUTE_SECONDS, 5)} min left`;
  return `${range(seconds / HOUR_SECONDS, 0.5)} h left`;
}

function range(value: number, step: number): string {
  const from = Math.floor(value / step) * step;
  return `${from}–${from + step}`;
}

/** "Today, 14:32", "Yesterday, 09:05", "3 Mar, 14:32", "3 Mar 2024, 14:32". */
export function formatWhen(iso: string, now: Date): string {
  const date = new Date(iso);
  const time = date.toLocaleTimeString(LOCALE, { hour: "2-digit", minute: "2-digit" });
  const daysAgo = Math.round((startOfDay(now) - startOfDay(date)) / DAY_MS);
  if (daysAgo === 0) return `Today, ${time}`;
  if (daysAgo === 1) return `Yesterday, ${time}`;
  const sameYear = date.getFullYear() === now.getFullYear();
  const day = date.toLocaleDateString(LOCALE, {
    day: "numeric",
    month: "short",
    ...(sameYear ? {} : { year: "numeric" }),
  });
  return `${day}, ${time}`;
}

export function formatFullDate(iso: string): string {
  return new Date(iso).toLocaleString(LOCALE, { dateStyle: "long", timeStyle: "short" });
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

export function formatFrameRate(framesPerSecond: number): string {
  return `${Number(framesPerSecond.toFixed(3))} fps`;
}

/** Format a bit rate in powers of 1000. */
export function formatBitRate(bitsPerSecond: number): string {
  if (bitsPerSecond >= 999_500) return `${Number((bitsPerSecond / 1_000_000).toFixed(1))} Mbit/s`;
  return `${Math.round(bitsPerSecond / 1000)} kbit/s`;
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
  rawvideo: "Uncompressed",
  theora: "Theora",
  opus: "Opus",
  vorbis: "Vorbis",
  eac3: "E-AC-3",
  ac3: "AC-3",
  amr_nb: "AMR",
  dvaudio: "DV",
  wmav2: "WMA",
  sdr: "SDR",
  pq: "HDR (PQ)",
  hlg: "HDR (HLG)",
};

/** Spell the name of a container, codec or transfer function, for example "h264" -> "H.264". */
export function spell(name: string): string {
  // The rest of such a name is the size and order of the samples.
  return name.startsWith("pcm_") ? "PCM" : (SPELLINGS[name] ?? spellContainer(name));
}

export function spellContainer(name: string): string {
  return name === "webm" ? "WebM" : name.toUpperCase();
}

/** ["MP4", "MOV", "AVI"] -> "MP4, MOV or AVI". */
export function joinWithOr(words: readonly string[]): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
}
