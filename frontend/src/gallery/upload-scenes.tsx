// The upload card and what belongs to it.
import { SignInAgainDialog } from "@/components/auth/sign-in-again-dialog";
import { SiteHeader } from "@/components/site-header";
import type { Refusal } from "@/components/upload/choose-file";
import type { CurrentUpload } from "@/components/upload/current-upload";
import { DropOverlay } from "@/components/upload/drop-overlay";
import { UploadCard } from "@/components/upload/upload-card";
import { POLICY_KEY } from "@/hooks/use-upload-policy";
import { videoKeys } from "@/hooks/video-keys";
import type { Video } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { IDLE } from "@/lib/upload/rules/upload-state";
import type {
  FailureReason,
  FileFacts,
  UploadFailure,
  UploadFailureCode,
  UploadState,
  Waiting,
} from "@/lib/upload/types";
import { LONG_NAME, MIB, makeUnread, makeVideo, POLICY, USER } from "./examples";
import { click, type Scene } from "./scene";
import { known, refused, type Seed, Stage, unknown } from "./stage";
import { Box, Wall } from "./wall";

const FILE: FileFacts = { name: "Launch day, both cameras.mov", sizeBytes: 1454.2 * MIB };
const LONG_FILE: FileFacts = { ...FILE, name: LONG_NAME };
const VIDEO_ID = "00000000-0000-4000-8000-0000000000aa";
const UNKNOWN = { bytesPerSecond: null, etaSeconds: null };

function sending(percent: number, waiting: Waiting | null = null, file = FILE): UploadState {
  const bytesSent = (file.sizeBytes * percent) / 100;
  const speed = percent === 0 ? UNKNOWN : { bytesPerSecond: 11.3 * MIB, etaSeconds: 74 };
  const progress = { bytesSent, bytesTotal: file.sizeBytes, percent, ...speed };
  return { status: "sending", file, videoId: VIDEO_ID, progress, waiting };
}

export const SENDING = sending(42);

const ASSEMBLING: UploadState = {
  status: "assembling",
  file: FILE,
  videoId: VIDEO_ID,
  progress: { bytesSent: FILE.sizeBytes, bytesTotal: FILE.sizeBytes, percent: 99, ...UNKNOWN },
  waiting: null,
};

function card(state: UploadState, more: Partial<CurrentUpload> = {}, seeds: readonly Seed[] = []) {
  return (
    <Stage upload={{ state, ...more }} seeds={seeds}>
      <UploadCard />
    </Stage>
  );
}

const NOTICES = {
  uploadRuns: { reason: "uploadRuns" },
  folder: { reason: "folder" },
  noFile: { reason: "noFile" },
  several: { reason: "several", count: 3 },
} as const satisfies Record<Refusal["reason"], Refusal>;

const WAITINGS = {
  offline: { reason: "offline" },
  // A wait that counts down would be another one in each picture.
  retrying: { reason: "retrying", attempt: 3, resumesInMs: 0, cause: "no_answer" },
  blocked: { reason: "blocked", why: { kind: "storage_blocked", by: null } },
  file: { reason: "file" },
  signed_out: { reason: "signed_out" },
} as const satisfies Record<Waiting["reason"], Waiting>;

function done(changes: Partial<Video>, seeds: readonly Seed[] = []) {
  const video = changes.status === "ready" ? makeVideo(changes) : makeUnread("processing", changes);
  const state: UploadState = { status: "done", file: { ...FILE, name: video.original_filename }, video };
  return card(state, {}, [known(videoKeys.one(video.id), video), ...seeds]);
}

const GONE = new ApiError(404, "video_not_found");
const AWAY = new ApiError(0, "network");

const ACCEPTED = POLICY.containers;
const { name } = FILE;
const api = (status: number, code: string, facts: object = {}): FailureReason => ({
  kind: "api",
  code,
  status,
  facts,
  retryAfterSeconds: null,
});

type Kind = FailureReason["kind"];
type Failures = readonly Failure[];
interface Failure {
  readonly reason: FailureReason;
  readonly code: UploadFailureCode;
  readonly isSent?: boolean;
  readonly retryable?: boolean;
  readonly openVideoIds?: readonly string[];
}

/** What is wrong with the file. */
const OF_FILE = {
  name_has_controls: [{ reason: { kind: "name_has_controls" }, code: "filename_invalid" }],
  name_too_long: [
    {
      reason: { kind: "name_too_long", name: LONG_NAME, length: 312, limit: 255 },
      code: "filename_invalid",
    },
  ],
  extension_unknown: [
    {
      reason: { kind: "extension_unknown", name: "Holiday.wmv", extension: ".wmv", accepted: ACCEPTED },
      code: "unsupported_container",
    },
  ],
  file_empty: [{ reason: { kind: "file_empty", name }, code: "file_empty" }],
  file_too_large: [
    {
      reason: { kind: "file_too_large", name, sizeBytes: 2048 * MIB + 1, limitBytes: 2048 * MIB },
      code: "file_too_large",
    },
  ],
  no_video: [
    {
      reason: { kind: "no_video", name: "Holiday.mp4", looksLike: "picture", accepted: ACCEPTED },
      code: "content_type_mismatch",
    },
  ],
  named_otherwise: [
    {
      reason: {
        kind: "named_otherwise",
        name: "Holiday.mp4",
        extension: ".mp4",
        container: "mkv",
        rightExtension: ".mkv",
      },
      code: "content_type_mismatch",
    },
  ],
  file_changed: [{ reason: { kind: "file_changed", name }, code: "file_changed", isSent: true }],
  file_unreadable: [
    { reason: { kind: "file_unreadable", name }, code: "file_unreadable", isSent: true, retryable: true },
  ],
} as const satisfies Partial<Record<Kind, Failures>>;

/** What is wrong elsewhere. */
const ELSEWHERE = {
  api: [
    {
      reason: api(409, "quota_exceeded", { used_bytes: USER.reserved_bytes, quota_bytes: USER.quota_bytes }),
      code: "quota_exceeded",
      retryable: true,
    },
    {
      reason: api(409, "too_many_uploads"),
      code: "too_many_uploads",
      openVideoIds: ["first", "second"],
      retryable: true,
    },
    { reason: api(404, "method_not_allowed"), code: "rejected" },
  ],
  unreachable: [
    {
      reason: { kind: "unreachable", server: "storage", status: 0 },
      code: "network",
      isSent: true,
      retryable: true,
    },
  ],
  still_completing: [
    { reason: { kind: "still_completing" }, code: "wrong_state", isSent: true, retryable: true },
  ],
  upload_gone: [{ reason: { kind: "upload_gone" }, code: "video_not_found", isSent: true, retryable: true }],
  upload_lost: [{ reason: { kind: "upload_lost" }, code: "storage_refused", isSent: true, retryable: true }],
  storage_blocked: [
    {
      reason: { kind: "storage_blocked", by: null },
      code: "storage_blocked",
      isSent: true,
      retryable: true,
    },
  ],
  request_too_large: [
    { reason: { kind: "request_too_large" }, code: "request_too_large", isSent: true, retryable: true },
  ],
  storage_refused: [
    {
      reason: { kind: "storage_refused", status: 403, storeCode: "AccessDenied" },
      code: "storage_refused",
      isSent: true,
      retryable: true,
    },
  ],
  data_damaged: [
    { reason: { kind: "data_damaged" }, code: "storage_refused", isSent: true, retryable: true },
  ],
  page_failed: [
    { reason: { kind: "page_failed", error: "TypeError" }, code: "rejected", isSent: true, retryable: true },
  ],
} as const satisfies Partial<Record<Kind, Failures>>;

const FAILURES: Readonly<Record<Kind, Failures>> = { ...OF_FILE, ...ELSEWHERE };

function failures(kinds: Partial<Record<Kind, Failures>>) {
  return (Object.keys(kinds) as Kind[]).flatMap((kind) => FAILURES[kind].map(failed));
}

function failed({ reason, code, isSent = false, retryable = false, openVideoIds = [] }: Failure) {
  const error: UploadFailure = { code, reason, retryable, requestId: null, openVideoIds };
  const mayBeComplete = reason.kind === "still_completing";
  return card({ status: "failed", file: FILE, videoId: isSent ? VIDEO_ID : null, error, mayBeComplete });
}

function header(state: UploadState) {
  return (
    <Stage upload={{ state }}>
      <SiteHeader user={USER} />
    </Stage>
  );
}

export const UPLOAD_SCENES = {
  "upload-choose": {
    Draw: () => (
      <Wall>
        {card(IDLE)}
        {card({ status: "aborted", file: FILE })}
        {card(IDLE, {}, [unknown(POLICY_KEY)])}
        {card(IDLE, {}, [
          unknown(POLICY_KEY),
          refused(POLICY_KEY, new ApiError(503, "database_unavailable")),
        ])}
        {Object.values(NOTICES).map((notice) =>
          card(notice.reason === "uploadRuns" ? SENDING : IDLE, { notice }),
        )}
      </Wall>
    ),
  },
  "upload-running": {
    Draw: () => (
      <Wall>
        {card({ status: "checking", file: FILE })}
        {card({ status: "starting", file: FILE, waiting: null })}
        {card(sending(0))}
        {card(SENDING, { notifies: true })}
        {card(sending(97, null, LONG_FILE))}
        {card(ASSEMBLING)}
      </Wall>
    ),
  },
  "upload-waiting": {
    Draw: () => (
      <Wall>
        {Object.values(WAITINGS).map((waiting) =>
          card(sending(42, waiting), waiting.reason === "signed_out" ? { askSignIn: () => {} } : {}),
        )}
      </Wall>
    ),
  },
  "upload-done": {
    Draw: () => (
      <Wall>
        {done({ status: "processing" })}
        {done({ status: "processing" }, [refused(videoKeys.one(makeVideo().id), AWAY)])}
        {done({ status: "ready" })}
        {done({ status: "ready", original_filename: LONG_NAME, truncated: true, available_percent: 37 })}
        {done({ status: "failed", status_reason: { code: "no_video_track", detail: "-" } })}
        {done({ status: "processing" }, [refused(videoKeys.one(makeVideo().id), GONE)])}
      </Wall>
    ),
  },
  "upload-failed-file": { Draw: () => <Wall>{failures(OF_FILE)}</Wall> },
  "upload-failed-elsewhere": { Draw: () => <Wall>{failures(ELSEWHERE)}</Wall> },
  "upload-cancel": {
    Draw: () => <Wall>{[card(SENDING)]}</Wall>,
    act: () => click("[data-upload-status] button"),
  },
  "upload-sign-in": {
    Draw: () => (
      <Stage>
        <SignInAgainDialog open onClose={() => {}} onCancelUpload={() => {}} />
      </Stage>
    ),
  },
  "upload-drop": {
    Draw: () => (
      <Wall>
        {[false, true].map((busy) => (
          <Box key={String(busy)}>
            <DropOverlay busy={busy} />
          </Box>
        ))}
      </Wall>
    ),
  },
  "upload-elsewhere": {
    Draw: () => (
      <>
        {header(IDLE)}
        {header({ status: "starting", file: FILE, waiting: null })}
        {header(SENDING)}
        {header(sending(42, { reason: "offline" }))}
        {header(ASSEMBLING)}
        {header({
          status: "failed",
          file: FILE,
          videoId: null,
          error: {
            code: "network",
            reason: { kind: "unreachable", server: "slipway", status: 0 },
            retryable: true,
            requestId: null,
            openVideoIds: [],
          },
          mayBeComplete: false,
        })}
      </>
    ),
  },
} as const satisfies Readonly<Record<string, Scene>>;
