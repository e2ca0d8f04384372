// Plays a video. If the browser cannot, it says why and offers the download.
"use client";

import { Download, RotateCw } from "lucide-react";
import { type SyntheticEvent, useRef, useState } from "react";
import { ExternalLink } from "@/components/external-link";
import { Button } from "@/components/ui/button";
import type { Video } from "@/lib/api/client";
import {
  isFileTrouble,
  statusOf,
  type Trouble,
  troubleFor,
  troubleText,
  troubleTitle,
} from "./player-trouble";

export function VideoPlayer({
  video,
  deliveryUrl,
  refresh,
}: {
  video: Video;
  deliveryUrl: string;
  refresh: () => Promise<Video | null>;
}) {
  // A new URL would restart the video, so the page keeps the first one until it expires.
  const [source, setSource] = useState({ url: deliveryUrl, expiresAt: video.delivery_url_expires_at });
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const resumeAt = useRef(0);

  /** Return whether there is a new URL. */
  async function renew(): Promise<boolean> {
    const fresh = await refresh();
    if (fresh?.delivery_url == null || fresh.delivery_url === source.url) return false;
    setSource({ url: fresh.delivery_url, expiresAt: fresh.delivery_url_expires_at });
    return true;
  }

  async function explain({ currentTarget: player }: SyntheticEvent<HTMLVideoElement>) {
    resumeAt.current = player.currentTime || resumeAt.current;
    const found = troubleFor(player.error?.code, await statusOf(source.url), video.truncated);
    if (found === "ends_early") resumeAt.current = 0;
    if ((found === "refused" || hasExpired(source.expiresAt)) && (await renew())) return;
    setTrouble(found);
  }

  function resume({ currentTarget: player }: SyntheticEvent<HTMLVideoElement>) {
    if (resumeAt.current > 0) player.currentTime = resumeAt.current;
  }

  function checkPicture({ currentTarget: player }: SyntheticEvent<HTMLVideoElement>) {
    // A browser that supports only the audio codec shows a black frame and fires no error.
    if (player.videoWidth === 0 && video.width !== null) setTrouble("no_picture");
  }

  if (trouble !== null) {
    return (
      <div className="grid aspect-video w-full place-items-center rounded-xl border bg-muted/50 px-6 py-8">
        <div className="flex max-w-md flex-col items-center text-center" role="alert">
          <p className="font-medium">{troubleTitle(trouble)}</p>
          <p className="mt-1.5 text-muted-foreground text-sm leading-relaxed">
            {troubleText(trouble, video)}
          </p>
          <div className="mt-5 flex flex-wrap justify-center gap-3">
            {isFileTrouble(trouble) && (
              <Button asChild>
                <ExternalLink href={source.url} download={video.original_filename}>
                  <Download />
                  <span>Download the video</span>
                </ExternalLink>
              </Button>
            )}
            <Button variant="secondary" onClick={() => void renew().then(() => setTrouble(null))}>
              <RotateCw />
              <span>Try again</span>
            </Button>
          </div>
        </div>
      </div>
    );
  }

  return (
    // biome-ignore lint/a11y/useMediaCaption: people upload their own videos; no captions exist.
    <video
      key={source.url}
      src={source.url}
      controls
      playsInline
      preload="metadata"
      aria-label={video.original_filename}
      className="aspect-video max-h-[75dvh] w-full rounded-xl border bg-black"
      onError={(event) => void explain(event)}
      onLoadedMetadata={resume}
      // Before it WebKit may not know the size.
      onLoadedData={checkPicture}
    />
  );
}

function hasExpired(expiresAt: string | null): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now();
}
