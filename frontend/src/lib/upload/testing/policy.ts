// The upload policy of the tests.
import type { UploadPolicy } from "../types";

export const MIB = 1024 * 1024;

export const POLICY: UploadPolicy = {
  max_size_bytes: 2 * 1024 * MIB,
  presign_ttl_seconds: 900,
  server_time: "2026-11-22T12:00:00Z",
  containers: [
    {
      container: "mp4",
      extensions: [".mp4", ".m4v"],
      content_types: ["video/mp4", "video/x-m4v"],
      family: "isobmff",
    },
    { container: "mov", extensions: [".mov", ".qt"], content_types: ["video/quicktime"], family: "isobmff" },
    {
      container: "avi",
      extensions: [".avi"],
      content_types: ["video/x-msvideo", "video/avi", "video/vnd.avi", "video/msvideo"],
      family: "riff",
    },
    { container: "webm", extensions: [".webm"], content_types: ["video/webm"], family: "matroska" },
    {
      container: "mkv",
      extensions: [".mkv"],
      content_types: ["video/x-matroska", "video/matroska"],
      family: "matroska",
    },
  ],
  part_plan: {
    min_part_bytes: 5 * MIB,
    max_part_bytes: 16 * MIB,
    part_bytes_multiple: MIB,
    wanted_parts: 6,
  },
  max_parts_per_signing: 32,
  registration_open: true,
  password_help: "",
};
