// A video as the API answers it before anything of its content is known.
import type { CreateVideo } from "../ports";
import type { Video } from "../types";

export function makeVideo(id: string, request: CreateVideo, status: Video["status"]): Video {
  return {
    id,
    original_filename: request.filename,
    content_type: request.content_type,
    size_bytes: request.size_bytes,
    status,
    status_reason: null,
    container: null,
    duration_seconds: null,
    width: null,
    height: null,
    rotation: null,
    mirrored: null,
    crop: null,
    video_codec: null,
    audio_codec: null,
    audio_channels: null,
    frame_rate: null,
    bit_rate: null,
    hdr: null,
    dolby_vision: null,
    truncated: null,
    available_percent: null,
    metadata_complete: false,
    created_at: "2026-11-22T12:00:00Z",
    uploaded_at: null,
    ready_at: null,
    delivery_url: null,
    delivery_url_expires_at: null,
  };
}
