// The first page, and what its list shows.
import { HomeScreen } from "@/components/home-screen";
import { RemovalNotice } from "@/components/videos/removal-notice";
import { VideoList } from "@/components/videos/video-list";
import { SESSION_KEY } from "@/hooks/use-session";
import { videoKeys } from "@/hooks/video-keys";
import type { Video } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import type { Removal } from "@/lib/list/remover";
import { ALL_VIDEOS } from "@/lib/list/view";
import { LONG_NAME, makeUnread, makeVideo, VIDEOS } from "./examples";
import { click, type Scene } from "./scene";
import { known, listed, refused, type Seed, Stage, unknown } from "./stage";
import { SENDING } from "./upload-scenes";
import { Box, Wall } from "./wall";

const AWAY = new ApiError(503, "database_unavailable", "01hx4m6v");
const LIST = videoKeys.list(ALL_VIDEOS);
const NOBODY = [unknown(SESSION_KEY)];

function list(...seeds: Seed[]) {
  return (
    <Wall>
      <Stage seeds={seeds}>
        <VideoList />
      </Stage>
    </Wall>
  );
}

function home(...seeds: Seed[]) {
  return (
    <Stage seeds={seeds}>
      <HomeScreen />
    </Stage>
  );
}

const numbered = (videos: readonly Video[]) =>
  videos.map((video, index) => ({ ...video, id: `00000000-0000-4000-8000-0000000001${10 + index}` }));

const STATES = {
  uploading: [
    makeUnread("uploading"),
    makeUnread("uploading", { original_filename: LONG_NAME, created_at: "2026-11-19T18:00:00Z" }),
  ],
  completing: [makeUnread("completing")],
  processing: [makeUnread("processing")],
  ready: [
    makeVideo(),
    makeVideo({ original_filename: "الميناء.mp4", truncated: true, available_percent: 37 }),
  ],
  failed: [],
  expired: [makeUnread("expired")],
  deleting: [makeVideo({ status: "deleting" })],
} as const satisfies Record<Video["status"], readonly Video[]>;

const REASONS = {
  content_type_mismatch: "Holiday.mp4",
  infected: "Invoice.avi",
  no_video_track: "Interview, sound only.mp4",
  object_missing: "Harbour.mp4",
  truncated: LONG_NAME,
  unreadable: "Notes.mkv",
  unsupported_container: "Trailer.webm",
} as const satisfies Record<NonNullable<Video["status_reason"]>["code"], string>;

const FAILED = Object.entries(REASONS).map(([code, original_filename]) =>
  makeUnread("failed", {
    original_filename,
    status_reason: { code: code as keyof typeof REASONS, detail: "-" },
  }),
);

const videos = [makeVideo()];
const until = 0;
const REMOVALS: readonly Removal[] = [
  { status: "removing", videos },
  { status: "removed", videos: [makeVideo({ original_filename: LONG_NAME })], until, error: null },
  { status: "removed", videos, until, error: new ApiError(0, "network") },
  { status: "removed", videos: VIDEOS, until, error: { kept: 1, why: AWAY } },
  { status: "restoring", videos: VIDEOS },
  { status: "failed", videos: VIDEOS, why: AWAY },
  { status: "failed", videos: VIDEOS, why: "some" },
];

export const LIST_SCENES = {
  home: {
    Draw: () => (
      <Stage upload={{ state: SENDING }} seeds={[listed([...VIDEOS])]}>
        <HomeScreen />
      </Stage>
    ),
  },
  "home-empty": { Draw: () => home(listed([])) },
  "home-loading": { Draw: () => home(...NOBODY) },
  "home-unreachable": { Draw: () => home(...NOBODY, refused(SESSION_KEY, new ApiError(0, "network"))) },
  "list-refused": { Draw: () => list(refused(LIST, AWAY)) },
  "list-states": { Draw: () => list(listed(numbered(Object.values(STATES).flat()))) },
  "list-failed": { Draw: () => list(listed(numbered(FAILED))) },
  "list-out-of-date": {
    Draw: () =>
      list(
        listed([...VIDEOS], { count: 1000, count_is_exact: false }),
        known(videoKeys.refresh(ALL_VIDEOS), new Map()),
        refused(videoKeys.refresh(ALL_VIDEOS), AWAY),
      ),
  },
  "list-nothing-found": {
    query: { q: "regatta" },
    Draw: () => list(listed([], { view: { ...ALL_VIDEOS, search: "regatta" } })),
  },
  "list-selection": {
    Draw: () => list(listed([...VIDEOS])),
    act: async () => {
      await click("li:nth-child(2) input");
      await click("li:nth-child(3) input");
    },
  },
  "list-delete": {
    Draw: () => list(listed(numbered([makeUnread("uploading"), makeUnread("uploading")]))),
    act: () => click("search + div button"),
  },
  "list-removal": {
    Draw: () =>
      REMOVALS.map((removal) => (
        <Box key={JSON.stringify(removal)}>
          <RemovalNotice removal={removal} onUndo={() => {}} onEnd={() => {}} />
        </Box>
      )),
  },
} as const satisfies Readonly<Record<string, Scene>>;
