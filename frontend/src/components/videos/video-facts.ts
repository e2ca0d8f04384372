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

/** Say that data is missing from the file, or return null. */
export function endsEarlyText({
  truncated,
  available_percent: percent,
}: Pick<Video, "truncated" | "available_percent">): string | null {
  if (truncated !== true) return null;
  if (percent === null) return "This file ends early. Part of the video is missing.";
  const share = percent < 1 ? "almost nothing" : percent < 99 ? `about ${percent} %` : "almost all";
  return `This file ends early. It contains ${share} of the video.`;
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
    // The API divides the size by the stated duration, which is too little if data is missing.
    ["Bit rate", video.truncated === true ? null : given(video.bit_rate, formatBitRate)],
    ["Dynamic range", rangeText(video)],
    ["Orientation", orientationText(video)],
    // Apps of the previous version, which may run beside this one, do not send it.
    ["Cropped", video.crop ? cropText(video.crop) : null],
    ["Uploaded", given(video.uploaded_at, formatFullDate)],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

function soundText(video: Video): string | null {
  if (video.audio_codec !== null) return spell(video.audio_codec);
  // Only complete metadata shows that a video has no sound.
  return video.status === "ready" && video.metadata_complete ? "None" : null;
}

/** "HDR (PQ), Dolby Vision", or null. */
function rangeText({ hdr, dolby_vision }: Video): string | null {
  const ranges = [...(hdr === null ? [] : [spell(hdr)]), ...(dolby_vision === true ? ["Dolby Vision"] : [])];
  return ranges.join(", ") || null;
}

const TURNS: Readonly<Record<number, string>> = {
  90: "90° clockwise",
  180: "180°",
  270: "90° anticlockwise",
};

/** Say how a player turns the stored picture. */
function orientationText({ rotation, mirrored }: Video): string | null {
  const turn = TURNS[rotation ?? 0];
  if (mirrored !== true) return turn === undefined ? null : `Rotated ${turn}`;
  if (turn === undefined) return "Mirrored";
  return rotation === 180 ? "Flipped upside down" : `Mirrored, then rotated ${turn}`;
}

const SIDES = ["left", "top", "right", "bottom"];
const AND = new Intl.ListFormat("en-GB");

/** "0:140:0:140" -> "140 pixels at the top and bottom". */
function cropText(crop: string): string {
  const hidden = crop.split(":").map(Number);
  const amounts = [...new Set(hidden)].filter((pixels) => pixels > 0);
  const texts = amounts.map((pixels) => {
    const sides = SIDES.filter((_, index) => hidden[index] === pixels);
    return `${pixels} ${pixels === 1 ? "pixel" : "pixels"} at the ${AND.format(sides)}`;
  });
  return texts.join(", ");
}

function given<T>(value: T | null, format: (value: T) => string): string | null {
  return value === null ? null : format(value);
}
