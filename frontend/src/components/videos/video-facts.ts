// Formats what the list and the upload's end show of a video. Unknown values are omitted.
import type { Video } from "@/lib/api/client";
import { formatFrame, resolutionName } from "@/lib/format";
import type { VideosText } from "@/text/videos-text";

/** "1920 × 1080 (1080p)", or null. */
export function resolutionText({ width, height }: Pick<Video, "width" | "height">): string | null {
  if (width == null || height == null) return null;
  const name = resolutionName(width, height);
  return name === null ? formatFrame(width, height) : `${formatFrame(width, height)} (${name})`;
}

/** "1080p", or "1900 × 1000" for a size without a name, or null. */
export function frameText({ width, height }: Pick<Video, "width" | "height">): string | null {
  if (width == null || height == null) return null;
  return resolutionName(width, height) ?? formatFrame(width, height);
}

/** Return the format, duration, resolution and size. */
export function videoFacts({ format }: VideosText, video: Video): string[] {
  return [
    given(video.container, format.spell),
    given(video.duration_seconds, format.duration),
    resolutionText(video),
    format.bytes(video.size_bytes),
  ].filter((fact) => fact !== null);
}

/** Say that data is missing from the file, or return null. */
export function endsEarlyText(
  t: VideosText,
  { truncated, available_percent: percent }: Pick<Video, "truncated" | "available_percent">,
): string | null {
  const texts = t.videos.endsEarly;
  if (truncated !== true) return null;
  if (percent === null) return texts.unknown;
  if (percent < 1) return texts.nothing;
  return percent < 99 ? texts.about(t.format.percent(percent)) : texts.almostAll;
}

/** Format a known value. An app of the previous version, which may run beside this one, omits new fields. */
export function given<T>(value: T | null | undefined, format: (value: T) => string): string | null {
  return value == null ? null : format(value);
}
