"use client";

import { Skeleton } from "@/components/ui/skeleton";
import { useVideoText } from "@/text/video-text";

export function VideoScreenSkeleton() {
  const t = useVideoText();
  return (
    <div>
      <h1 className="sr-only">{t.video.loading}</h1>
      <Skeleton className="aspect-video max-h-[calc(100svh-6rem)] w-full rounded-xl!" />
      <Skeleton className="mt-6 h-8 w-2/3" />
      <Skeleton className="mt-3 h-6 w-20 rounded-full!" />
    </div>
  );
}
