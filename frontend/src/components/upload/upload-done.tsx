// Follows an uploaded video until the server has read its metadata.
"use client";

import { CircleCheck, LoaderCircle } from "lucide-react";
import { useEffect } from "react";
import { useAnnounce } from "@/components/announcer";
import { Link } from "@/components/site-link";
import { Alert } from "@/components/ui/alert";
import { buttonClass } from "@/components/ui/button";
import { FileName } from "@/components/videos/file-name";
import { videoFacts } from "@/components/videos/video-facts";
import { EndsEarly, failureReason } from "@/components/videos/video-status";
import { isInProgress } from "@/hooks/use-video-list";
import { useVideo } from "@/hooks/use-videos";
import { cn } from "@/lib/cn";
import type { UploadPolicy, Video } from "@/lib/upload/types";
import { videoPath } from "@/lib/video-path";
import { problemOf } from "@/text/problems";
import { useVideosText } from "@/text/videos-text";
import { ChooseFileButton } from "./choose-file-button";
import { useCurrentUpload } from "./current-upload";
import { FailedHeader } from "./failed-header";
import { doneSentence } from "./upload-announcement";

export function UploadDone({ video: uploaded, policy }: { video: Video; policy: UploadPolicy }) {
  const t = useVideosText();
  const texts = t.upload.done;
  const followed = useVideo(uploaded.id, uploaded);
  const video = followed.data ?? uploaded;
  const announce = useAnnounce();
  const { uploader } = useCurrentUpload();
  const problem = followed.error && problemOf(t, followed.error, "follow");
  const isGone = problem?.action === "leave" || video.status === "deleting";
  const sentence = isGone ? texts.deleted : doneSentence(t, video);
  useEffect(() => announce(sentence), [announce, sentence]);

  if (isGone) {
    return (
      <div className="p-5 sm:p-6">
        <FileName name={video.original_filename} className="font-medium text-lg" />
        <p className="mt-1 text-muted-foreground text-sm">{texts.deleted}</p>
        <ChooseFileButton policy={policy} className="mt-5">
          {texts.anotherVideo}
        </ChooseFileButton>
      </div>
    );
  }

  if (video.status === "failed") {
    return (
      <div className="p-5 sm:p-6">
        <FailedHeader name={video.original_filename} onClose={() => uploader?.reset()} />
        <Alert className="mt-4">
          <p className="font-medium">{t.videos.notAccepted}</p>
          <p>{failureReason(t, video)}</p>
        </Alert>
        <ChooseFileButton policy={policy} className="mt-5">
          {texts.anotherVideo}
        </ChooseFileButton>
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
          <p className="text-muted-foreground text-sm">{moving ? texts.checking : texts.ready}</p>
          <FileName name={video.original_filename} className="mt-0.5 font-medium text-lg" />
          <p className="mt-1 text-muted-foreground text-sm">
            <bdi>{videoFacts(t, video).join(" · ")}</bdi>
          </p>
          <EndsEarly video={video} className="mt-1" />
          {problem !== null && moving && (
            <p className="mt-1 text-muted-foreground text-sm">{texts.notFollowed(problem.sentence)}</p>
          )}
        </div>
      </div>
      <div className="flex shrink-0 flex-wrap gap-3">
        <ChooseFileButton policy={policy} variant="secondary">
          {texts.another}
        </ChooseFileButton>
        {!moving && (
          <Link className={buttonClass()} href={videoPath(video.id)}>
            {texts.watch}
          </Link>
        )}
      </div>
    </div>
  );
}
