// Shows the video named by `?id=`, because a static export has no page per video.
import type { Metadata } from "next";
import { Suspense } from "react";
import { RequireSession } from "@/components/require-session";
import { VideoScreen } from "@/components/videos/video-screen";
import { VideoScreenSkeleton } from "@/components/videos/video-screen-skeleton";
import { en } from "@/text/en";

export const metadata: Metadata = { title: en.site.titles.video };

export default function VideoPage() {
  return (
    <RequireSession fallback={<VideoScreenSkeleton />}>
      <Suspense fallback={<VideoScreenSkeleton />}>
        <VideoScreen />
      </Suspense>
    </RequireSession>
  );
}
