// The page of a video.
import { RequireSession } from "@/components/require-session";
import type { Trouble } from "@/components/videos/player-trouble";
import { PlayerTroubleNotice } from "@/components/videos/player-trouble-notice";
import { VideoScreen } from "@/components/videos/video-screen";
import { VideoStage } from "@/components/videos/video-stage";
import { videoKeys } from "@/hooks/video-keys";
import type { Video } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { LONG_NAME, makeUnread, makeVideo } from "./examples";
import type { Scene } from "./scene";
import { known, refused, type Seed, Stage } from "./stage";
import { Wall } from "./wall";

const VIDEO = makeVideo();
const KEY = videoKeys.one(VIDEO.id);
const query = { id: VIDEO.id };

function page(...seeds: Seed[]) {
  return (
    <Stage seeds={seeds}>
      <RequireSession fallback={null}>
        <VideoScreen />
      </RequireSession>
    </Stage>
  );
}

const STATUSES = {
  uploading: makeUnread("uploading"),
  completing: makeUnread("completing"),
  processing: makeUnread("processing"),
  ready: makeVideo({ delivery_url: null }),
  failed: makeUnread("failed", { status_reason: { code: "truncated", detail: "-" } }),
  expired: makeUnread("expired"),
  deleting: makeUnread("deleting"),
} as const satisfies Record<Video["status"], Video>;

const TROUBLES = {
  cannot_play: makeVideo({ container: "avi", video_codec: "mpeg4" }),
  no_picture: makeVideo({ video_codec: "hevc" }),
  ends_early: makeVideo({ truncated: true, available_percent: 37 }),
  cut_off: makeVideo({ truncated: true, available_percent: 3 }),
  stopped: VIDEO,
  not_loaded: VIDEO,
  refused: VIDEO,
  missing: VIDEO,
  failing: makeVideo({ width: 1080, height: 1920 }),
} as const satisfies Record<Trouble, Video>;

export const VIDEO_SCENES = {
  video: { query, Draw: () => page(known(KEY, VIDEO)) },
  "video-upright": {
    query,
    Draw: () =>
      page(known(KEY, makeVideo({ original_filename: LONG_NAME, width: 1080, height: 1920, hdr: "hlg" }))),
  },
  "video-processing": { query, Draw: () => page(known(KEY, makeUnread("processing"))) },
  "video-loading": { query, Draw: () => page() },
  "video-refused": {
    query,
    Draw: () => page(refused(KEY, new ApiError(503, "database_unavailable", "01hx4m6v"))),
  },
  "video-gone": { query, Draw: () => page(refused(KEY, new ApiError(404, "video_not_found"))) },
  "video-states": {
    Draw: () => (
      <Wall>
        {[
          ...Object.values(STATUSES).map((video) => (
            <Stage key={video.status}>
              <VideoStage video={video} held={null} refresh={async () => null} />
            </Stage>
          )),
          <Stage key="held">
            <VideoStage video={STATUSES.uploading} held="sending" refresh={async () => null} />
          </Stage>,
          <Stage key="interrupted">
            <VideoStage video={STATUSES.uploading} held="interrupted" refresh={async () => null} />
          </Stage>,
        ]}
      </Wall>
    ),
  },
  "video-troubles": {
    Draw: () => (
      <Wall>
        {Object.entries(TROUBLES).map(([trouble, video]) => (
          <PlayerTroubleNotice
            key={trouble}
            video={video}
            trouble={trouble as Trouble}
            url={video.delivery_url ?? ""}
            onRetry={() => {}}
          />
        ))}
      </Wall>
    ),
  },
} as const satisfies Readonly<Record<string, Scene>>;
