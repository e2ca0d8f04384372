// Follows an uploaded video until the server has read its metadata.
"use client";

import { CircleCheck, LoaderCircle } from "lucide-react";
import { useEffect } from "react";
import { useAnnounce } from "@/components/announcer";
import { Link } from "@/components/site-link";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { FileName } from "@/components/videos/file-name";
import { videoFacts } from "@/components/videos/video-facts";
import { EndsEarly, failureReason } from "@/components/videos/video-status";
import { isInProgress, useVideo } from "@/hooks/use-videos";
import { cn } from "@/lib/cn";
import type { Video } from "@/lib/upload/types";
import { doneSentence } from "./upload-announcement";

export function UploadDone({ video: uploaded, onAnother }: { video: Video; onAnother: () => void }) {
  const followed = useVideo(uploaded.id, uploaded);
  const video = followed.data ?? uploaded;
  const announce = useAnnounce();
  const sentence = doneSentence(video);
  useEffect(() => announce(sentence), [announce, sentence]);

  if (video.status === "failed") {
    return (
      <div className="p-5 sm:p-6">
        <FileName name={video.original_filename} className="font-medium text-lg" />
        <Alert className="mt-4">
          <p className="font-medium">The server couldn't accept this video</p>
          <p>{failureReason(video)}</p>
        </Alert>
        <Button className="mt-5" onClick={onAnother}>
          Upload another video
        </Button>
      </div>
    );
  }

  const moving = isInProgress(video.status);
  const Icon = moving ? LoaderCircle : CircleCheck;
  return (
    <div className="flex flex-col gap-5 p-5 sm:flex-row sm:items-center sm:justify-between sm:p-6">
      <div className="flex min-w-0 items-start gap-3.5">
        <Icon
          className={cn("mt-0.5 size-6 shrink-0", moving ? "animate-spin text-primary" : "text-success")}
        />
        <div className="min-w-0">
          <p className="text-muted-foreground text-sm">
            {moving ? "Uploaded. Reading the details…" : "Ready"}
          </p>
          <FileName name={video.original_filename} className="mt-0.5 font-medium text-lg" />
          <p className="mt-1 text-muted-foreground text-sm">{videoFacts(video).join(" · ")}</p>
          <EndsEarly video={video} className="mt-1" />
          {followed.isError && moving && (
            <p className="mt-1 text-muted-foreground text-sm">
              The server isn't answering. Your video is safe, and this page updates by itself.
            </p>
          )}
        </div>
      </div>
      <div className="flex shrink-0 flex-wrap gap-3">
        <Button variant="secondary" onClick={onAnother}>
          Upload another
        </Button>
        {!moving && (
          <Button asChild>
            <Link href={`/video?id=${encodeURIComponent(video.id)}`}>Watch</Link>
          </Button>
        )}
      </div>
    </div>
  );
}
