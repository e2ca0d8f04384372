// The people, videos and files of the gallery.
import type { SignedInSession, UploadPolicy, User, Video } from "@/lib/api/client";
import { MIB, POLICY as POLICY_OF_TESTS } from "@/lib/upload/testing/policy";
import { makeVideo as makeNewVideo } from "@/lib/upload/testing/video";

export { MIB };

/** When the pictures are taken. */
export const NOW = "2026-11-22T14:32:00Z";

const GIB = 1024 * MIB;

export const USER: User = {
  id: "7c0d9a52-3d8e-4b43-9f0f-6a2f0f6f7a10",
  email: "ada@example.com",
  full_name: "Ada Lovelace",
  created_at: "2026-03-02T09:05:00Z",
  quota_bytes: 50 * GIB,
  reserved_bytes: 12.4 * GIB,
};

export const POLICY: UploadPolicy = {
  ...POLICY_OF_TESTS,
  password_help: "Ask Grace in room 4, or write to help@example.com.",
};

export const SESSIONS: SignedInSession[] = [
  makeSession("Chrome/156.0.0.0 Safari/537.36", "X11; Linux x86_64", "2026-11-22T08:12:00Z", true),
  makeSession(
    "Version/18.0 Mobile/15E148 Safari/604.1",
    "iPhone; CPU iPhone OS 18_0 like Mac OS X",
    "2026-11-20T19:40:00Z",
  ),
];

function makeSession(browser: string, system: string, created_at: string, current = false): SignedInSession {
  return {
    id: created_at,
    kind: "cookie",
    user_agent: `Mozilla/5.0 (${system}) AppleWebKit/537.36 (KHTML, like Gecko) ${browser}`,
    address: current ? "203.0.113.7" : "2001:db8:85a3::8a2e:370:7334",
    created_at,
    last_seen_at: created_at,
    expires_at: "2026-12-22T08:12:00Z",
    current,
  };
}

/** A blue second of WebM. */
export const CLIP_URL =
  "data:video/webm;base64,GkXfo59ChoEBQveBAULygQRC84EIQoKEd2VibUKHgQJChYECGFOAZwEAAAAAAAI/EU2bdLpNu4tTq4QVSalmU6yBoU27i1OrhBZUrmtTrIHGTbuMU6uEElTDZ1OsggEMTbuMU6uEHFO7a1OsggIp7AEAAAAAAABZAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAVSalmoCrXsYMPQkBNgIRMYXZmV0GETGF2ZkSJiECPQAAAAAAAFlSua8GuAQAAAAAAADjXgQFzxYgAAAAAAAAAAZyBACK1nIN1bmSIgQCGhVZfVlA4g4EBI+ODhAvrwgDgibCBoLqBWpqBAhJUw2fRc3POY8CLY8WIAAAAAAAAAAFnyJhFo4dFTkNPREVSRIeLTGF2YyBsaWJ2cHhnyKJFo4hEVVJBVElPTkSHlDAwOjAwOjAxLjAwMDAwMDAwMAAAH0O2dUDB54EAo9SBAACAMAYAnQEqoABaAABHCIWFiIWEiAICAnWqA/gD+AIGypPghqqTXcQ6qk13EOqpNdxDqqTXcQ6qk13EGAD+/iJy/9wb7Iuf+tF/9nc2qkP7dwCjmIEAyAARAgAHEOwAGAAYWC/0AAiAgQAAAKOYgQGQABECAAcQ7AAYABhYL/QACICBAAAAo5iBAlgAEQIABxDsABgAGFgv9AAIgIEAAACjmIEDIAARAgAHEOwAGAAYWC/0AAiAgQAAABxTu2uRu4+zgQC3iveBAfGCAWLwgQM=";

export const LONG_NAME =
  "Regatta on the lower river, first heat of the seniors, both cameras and the drone.mov";

/** A ready video with everything known, and with these changes. */
export function makeVideo(changes: Partial<Video> = {}): Video {
  return {
    id: "3f1d2c4e-8a5b-4c6d-9e7f-0a1b2c3d4e5f",
    original_filename: "Harbour at dawn.mp4",
    content_type: "video/mp4",
    size_bytes: 412.6 * MIB,
    status: "ready",
    status_reason: null,
    container: "mp4",
    duration_seconds: 83.417,
    width: 1920,
    height: 1080,
    rotation: 0,
    mirrored: false,
    crop: null,
    video_codec: "h264",
    audio_codec: "aac",
    audio_channels: 2,
    frame_rate: 29.97,
    bit_rate: 41_500_000,
    hdr: null,
    dolby_vision: null,
    truncated: false,
    available_percent: null,
    metadata_complete: true,
    created_at: "2026-11-22T14:20:00Z",
    uploaded_at: "2026-11-22T14:21:00Z",
    ready_at: "2026-11-22T14:21:02Z",
    delivery_url: CLIP_URL,
    delivery_url_expires_at: "2026-11-22T20:21:00Z",
    ...changes,
  };
}

/** A video about which nothing is known but its file. */
export function makeUnread(status: Video["status"], changes: Partial<Video> = {}): Video {
  const { id, original_filename: filename, content_type, size_bytes, created_at } = makeVideo();
  const unread = makeNewVideo(id, { filename, content_type, size_bytes }, status);
  return { ...unread, created_at, ...changes };
}

/** Some videos of a usual list. */
export const VIDEOS: readonly Video[] = [
  makeVideo(),
  makeVideo({
    original_filename: "IMG_0042.MOV",
    container: "mov",
    size_bytes: 58.2 * MIB,
    duration_seconds: 17.2,
    width: 1080,
    height: 1920,
    uploaded_at: "2026-11-22T09:05:00Z",
  }),
  makeVideo({
    original_filename: LONG_NAME,
    container: "mov",
    size_bytes: 1.7 * GIB,
    duration_seconds: 3723,
    width: 3840,
    height: 2160,
    uploaded_at: "2026-11-21T17:48:00Z",
  }),
  makeVideo({
    original_filename: "Keel laying.mkv",
    container: "mkv",
    size_bytes: 214.9 * MIB,
    duration_seconds: 644,
    width: 1280,
    height: 720,
    uploaded_at: "2026-11-09T11:30:00Z",
  }),
  makeVideo({
    original_filename: "Grandfather's boat 1998.avi",
    container: "avi",
    size_bytes: 96.4 * MIB,
    duration_seconds: 62,
    width: 720,
    height: 576,
    uploaded_at: "2025-12-30T20:15:00Z",
  }),
].map((video, index) => ({ ...video, id: `00000000-0000-4000-8000-00000000000${index}` }));
