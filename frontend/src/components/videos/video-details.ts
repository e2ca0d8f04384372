// Formats all metadata of a video for its page. Unknown values are omitted.
import type { Video } from "@/lib/api/client";
import type { VideoText } from "@/text/video-text";
import { given, resolutionText } from "./video-facts";

/** "H.264 video, AAC stereo, 29.97 fps, HDR10", or null. */
export function plainFormat(t: VideoText, video: Video): string | null {
  const words = [
    given(video.video_codec, (codec) => t.video.codecVideo(t.format.spell(codec))),
    video.audio_codec == null ? null : soundText(t, video),
    given(video.frame_rate, t.format.frameRate),
    rangeText(t, { ...video, hdr: video.hdr === "sdr" ? null : video.hdr }),
  ];
  return words.filter((word) => word !== null).join(", ") || null;
}

interface Fact {
  readonly name: string;
  readonly value: string;
}

/** Return all known metadata. */
export function allVideoFacts(t: VideoText, video: Video): Fact[] {
  const { format } = t;
  const names = t.video.details;
  const facts: (readonly [name: string, value: string | null])[] = [
    [names.format, given(video.container, format.spell)],
    [
      names.duration,
      given(
        video.duration_seconds,
        (seconds) => `${format.duration(seconds)} (${format.exactSeconds(seconds)})`,
      ),
    ],
    [names.resolution, resolutionText(video)],
    [names.size, `${format.bytes(video.size_bytes)} (${format.exactBytes(video.size_bytes)})`],
    [names.video, given(video.video_codec, format.spell)],
    [names.sound, soundText(t, video)],
    [names.frameRate, given(video.frame_rate, format.frameRate)],
    // The API divides the size by the stated duration, which is too little if data is missing.
    [names.bitRate, video.truncated === true ? null : given(video.bit_rate, format.bitRate)],
    [names.dynamicRange, rangeText(t, video)],
    [names.orientation, orientationText(t, video)],
    [names.cropped, given(video.crop, (crop) => cropText(t, crop))],
    [names.uploaded, given(video.uploaded_at, format.fullDate)],
  ];
  return facts.flatMap(([name, value]) => (value === null ? [] : [{ name, value }]));
}

function soundText(t: VideoText, video: Video): string | null {
  if (video.audio_codec != null) {
    const codec = t.format.spell(video.audio_codec);
    const channels = video.audio_channels ?? 0;
    return channels === 0 ? codec : t.video.sound(codec, channels);
  }
  // Only complete metadata shows that a video has no sound.
  return video.status === "ready" && video.metadata_complete ? t.video.details.noSound : null;
}

/** "HDR10, Dolby Vision", or null. */
function rangeText(t: VideoText, { hdr, dolby_vision }: Pick<Video, "hdr" | "dolby_vision">): string | null {
  const ranges = [given(hdr, t.format.spell), dolby_vision === true ? "Dolby Vision" : null];
  return ranges.filter((range) => range !== null).join(", ") || null;
}

/** Say how a player turns the stored picture. */
function orientationText(t: VideoText, { rotation, mirrored }: Video): string | null {
  const texts: Readonly<Record<number, string>> =
    mirrored === true ? t.video.details.mirrored : t.video.details.rotated;
  return texts[rotation ?? 0] ?? null;
}

const SIDES = ["left", "top", "right", "bottom"] as const;

/** "0:140:0:140" -> "140 pixels at the top and bottom". */
function cropText(t: VideoText, crop: string): string {
  const texts = t.video.details;
  const hidden = crop.split(":").map(Number);
  const amounts = [...new Set(hidden)].filter((count) => count > 0);
  return amounts
    .map((count) => {
      const sides = SIDES.filter((_, index) => hidden[index] === count).map((side) => texts.sides[side]);
      return texts.croppedAt(count, t.format.and(sides));
    })
    .join(", ");
}
