// Formats a video's metadata. Unknown values are omitted.
import type { Video } from "@/lib/api/client";
import {
  formatBitRate,
  formatBytes,
  formatDuration,
  formatExactSeconds,
  formatFrame,
  formatFrameRate,
  formatFullDate,
  resolutionName,
  spell,
} from "@/lib/format";

/** "1920 × 1080 (1080p)", or null. */
export function resolutionText({ width, height }: Pick<Video, "width" | "height">): string | null {
  if (width === null || height === null) return null;
  const name = resolutionName(width, height);
  return name === null ? formatFrame(width, height) : `${formatFrame(width, height)} (${name})`;
}

/** Return the format, duration, resolution and size. */
export function videoFacts(video: Video): string[] {
  return [
    video.container === null ? null : spell(video.container),
    video.duration_seconds === null ? null : formatDuration(video.duration_seconds),
    resolutionText(video),
    formatBytes(video.size_bytes),
  ].filter((fact) => fact !== null);
}

export interface Fact {
  readonly name: string;
  readonly value: string;
}

/** Return all known metadata. */
export function allVideoFacts(video: Video): Fact[] {
  const facts: (readonly [name: string, value: string | null])[] = [
    ["Format", given(video.container, spell)],
    [
      "Duration",
      given(
        video.duration_seconds,
        (seconds) => `${formatDuration(seconds)} (${formatExactSeconds(seconds)})`,
      ),
    ],
    ["Resolution", resolutionText(video)],
    ["Size", `${formatBytes(video.size_bytes)} (${video.size_bytes.toLocaleString("en-GB")} bytes)`],
    ["Video", given(video.video_codec, spell)],
    ["Sound", soundText(video)],
    ["Frame rate", given(video.frame_rate, formatFrameRate)],
    ["Bit rate", given(video.bit_rate, formatBitRate)],
    ["Dynamic range", given(video.hdr, spell)],
    ["Rotation", video.rotation === null || video.rotation === 0 ? null : `${video.rotation}°`],
    ["Type", video.content_type],
    ["Uploaded", given(video.uploaded_at, formatFullDate)],
    ["Ready", given(video.ready_at, formatFullDate)],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

function soundText(video: Video): string | null {
  if (video.audio_codec !== null) return spell(video.audio_codec);
  // Only complete metadata shows that a video has no sound.
  return video.status === "ready" && video.metadata_complete ? "None" : null;
}

function given<T>(value: T | null, format: (value: T) => string): string | null {
  return value === null ? null : format(value);
}
