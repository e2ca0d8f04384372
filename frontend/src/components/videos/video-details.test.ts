import { describe, expect, it } from "vitest";
import { makeVideo as makeKnownVideo } from "@/gallery/examples";
import type { Video } from "@/lib/api/client";
import { makeVideo } from "@/lib/upload/testing";
import { ALL_ENGLISH } from "@/text/all-english";
import { allVideoFacts, plainFormat } from "./video-details";

const READY = makeVideo(
  "v1",
  { filename: "a.mkv", size_bytes: 5, content_type: "video/x-matroska" },
  "ready",
);

/** Return the value that the details show under this name. */
function shown(name: string, values: Partial<Video>): string | undefined {
  return allVideoFacts(ALL_ENGLISH, { ...READY, ...values }).find((fact) => fact.name === name)?.value;
}

describe("allVideoFacts", () => {
  it.each<[string, Partial<Video>, string | undefined]>([
    ["Dynamic range", { hdr: null, dolby_vision: null }, undefined],
    ["Dynamic range", { hdr: "sdr", dolby_vision: false }, "SDR"],
    ["Dynamic range", { hdr: "pq", dolby_vision: true }, "HDR10, Dolby Vision"],
    ["Dynamic range", { hdr: null, dolby_vision: true }, "Dolby Vision"],
    ["Orientation", { rotation: null, mirrored: null }, undefined],
    ["Orientation", { rotation: 0, mirrored: false }, undefined],
    ["Orientation", { rotation: 90, mirrored: false }, "Rotated 90° clockwise"],
    ["Orientation", { rotation: 180, mirrored: false }, "Rotated 180°"],
    ["Orientation", { rotation: 270, mirrored: null }, "Rotated 90° anticlockwise"],
    ["Orientation", { rotation: 0, mirrored: true }, "Mirrored"],
    ["Orientation", { rotation: 90, mirrored: true }, "Mirrored, then rotated 90° clockwise"],
    ["Orientation", { rotation: 180, mirrored: true }, "Flipped upside down"],
    ["Cropped", { crop: null }, undefined],
    ["Cropped", { crop: "0:140:0:140" }, "140 pixels at the top and bottom"],
    ["Cropped", { crop: "0:0:0:1" }, "1 pixel at the bottom"],
    ["Cropped", { crop: "8:8:8:8" }, "8 pixels at the left, top, right and bottom"],
    ["Cropped", { crop: "8:2:8:0" }, "8 pixels at the left and right, 2 pixels at the top"],
    ["Bit rate", { bit_rate: 4_000_000, truncated: null }, "4 Mbit/s"],
    ["Bit rate", { bit_rate: 4_000_000, truncated: true }, undefined],
    ["Sound", { audio_codec: "aac", metadata_complete: true }, "AAC"],
    ["Sound", { audio_codec: "aac", audio_channels: 1 }, "AAC mono"],
    ["Sound", { audio_codec: "aac", audio_channels: 2 }, "AAC stereo"],
    ["Sound", { audio_codec: "eac3", audio_channels: 6 }, "E-AC-3 with 6 channels"],
    ["Sound", { audio_codec: null, metadata_complete: true }, "None"],
    ["Sound", { audio_codec: null, metadata_complete: false }, undefined],
  ])("shows as %s of %j: %s", (name, values, text) => {
    expect(shown(name, values)).toBe(text);
  });
});

describe("a field that may be unknown", () => {
  const KNOWN: Video = {
    ...makeKnownVideo(),
    rotation: 90,
    mirrored: true,
    crop: "0:140:0:140",
    hdr: "pq",
    dolby_vision: true,
  };
  const NOT_IN_DETAILS: readonly string[] = [
    "status_reason",
    "truncated",
    "available_percent",
    "ready_at",
    "delivery_url",
    "delivery_url_expires_at",
  ];
  const fields = Object.entries(READY).flatMap(([name, value]) => (value === null ? [name] : []));

  it.each(fields.filter((name) => !NOT_IN_DETAILS.includes(name)))("is in the details: %s", (name) => {
    expect(allVideoFacts(ALL_ENGLISH, { ...KNOWN, [name]: null })).not.toEqual(
      allVideoFacts(ALL_ENGLISH, KNOWN),
    );
  });

  it.each(fields)("is unknown if an app of the previous version omits it: %s", (name) => {
    const unknown = { ...KNOWN, [name]: null };
    const omitted = Object.fromEntries(Object.entries(KNOWN).filter(([field]) => field !== name)) as Video;
    expect(allVideoFacts(ALL_ENGLISH, omitted)).toEqual(allVideoFacts(ALL_ENGLISH, unknown));
    expect(plainFormat(ALL_ENGLISH, omitted)).toBe(plainFormat(ALL_ENGLISH, unknown));
  });
});

describe("plainFormat", () => {
  it.each<[Partial<Video>, string | null]>([
    [
      { video_codec: "h264", audio_codec: "aac", audio_channels: 2, frame_rate: 30000 / 1001, hdr: "pq" },
      "H.264 video, AAC stereo, 29.97 fps, HDR10",
    ],
    [{ video_codec: "vp9", hdr: "sdr", frame_rate: 25, metadata_complete: true }, "VP9 video, 25 fps"],
    [{ video_codec: "hevc", dolby_vision: true, hdr: "hlg" }, "H.265 (HEVC) video, HDR (HLG), Dolby Vision"],
    [{}, null],
  ])("of %j is %s", (values, text) => {
    expect(plainFormat(ALL_ENGLISH, { ...READY, ...values })).toBe(text);
  });
});
