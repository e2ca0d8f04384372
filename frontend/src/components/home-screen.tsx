// Shows the upload card above the list of videos.
"use client";

import { RequireSession } from "@/components/require-session";
import { Card } from "@/components/ui/card";
import { UploadCard, UploadCardSkeleton } from "@/components/upload/upload-card";
import { VideoList } from "@/components/videos/video-list";
import { VideoListSkeleton } from "@/components/videos/video-list-skeleton";
import { useVideosText } from "@/text/videos-text";

export function HomeScreen() {
  const t = useVideosText();
  return (
    <RequireSession
      hasUploadCard
      fallback={
        <>
          <h1 className="sr-only">{t.videos.hiddenTitle}</h1>
          <Card>
            <UploadCardSkeleton />
          </Card>
          <div className="mt-20">
            <VideoListSkeleton />
          </div>
        </>
      }
    >
      <h1 className="sr-only">{t.videos.hiddenTitle}</h1>
      <UploadCard />
      <VideoList />
    </RequireSession>
  );
}
