// Says why a video doesn't play, and offers what may help.
import { Download, RotateCw } from "lucide-react";
import { ExternalLink } from "@/components/external-link";
import { Button, buttonClass } from "@/components/ui/button";
import type { Video } from "@/lib/api/client";
import { useVideoText } from "@/text/video-text";
import { isFileTrouble, mayPassNextTime, type Trouble, troubleText, troubleTitle } from "./player-trouble";
import { VideoFrame } from "./video-frame";

export function PlayerTroubleNotice({
  video,
  trouble,
  url,
  onRetry,
}: {
  video: Video;
  trouble: Trouble;
  /** Of the file, for its download. */
  url: string;
  onRetry: () => void;
}) {
  const t = useVideoText();
  return (
    <VideoFrame video={video}>
      <div className="flex max-w-md flex-col items-center px-6 py-8 text-center" role="alert">
        <p className="font-medium">{troubleTitle(t, trouble)}</p>
        <p className="mt-1.5 text-muted-foreground text-sm leading-relaxed">
          {troubleText(t, trouble, video)}
        </p>
        <div className="mt-5 flex flex-wrap justify-center gap-3">
          {isFileTrouble(trouble) && (
            <ExternalLink className={buttonClass()} href={url} download={video.original_filename}>
              <Download />
              <span>{t.video.trouble.download}</span>
            </ExternalLink>
          )}
          {mayPassNextTime(trouble) && (
            <Button variant="secondary" onClick={onRetry}>
              <RotateCw />
              <span>{t.site.tryAgain}</span>
            </Button>
          )}
        </div>
      </div>
    </VideoFrame>
  );
}
