// Plays a video. If the browser cannot, it says why and offers the download.
"use client";

import { Download, RotateCw } from "lucide-react";
import { type SyntheticEvent, useRef, useState } from "react";
import { Button } from "@/components/ui/button";
import type { Video } from "@/lib/api/client";
import { spell } from "@/lib/format";

type Trouble = "cannot_play" | "no_picture" | "not_loaded";

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

  async function renew() {
    const fresh = await refresh();
    if (fresh?.delivery_url == null) {
      setTrouble("not_loaded");
      return;
    }
    setTrouble(null);
    setSource({ url: fresh.delivery_url, expiresAt: fresh.delivery_url_expires_at });
  }

  function explain({ currentTarget: player }: SyntheticEvent<HTMLVideoElement>) {
    resumeAt.current = player.currentTime;
    if (hasExpired(source.expiresAt)) void renew();
    else setTrouble(player.error?.code === MediaError.MEDIA_ERR_NETWORK ? "not_loaded" : "cannot_play");
  }

  function begin({ currentTarget: player }: SyntheticEvent<HTMLVideoElement>) {
    // A browser that supports only the audio codec shows a black frame and fires no error.
    if (player.videoWidth === 0 && video.width !== null) setTrouble("no_picture");
    else if (resumeAt.current > 0) player.currentTime = resumeAt.current;
  }

  if (trouble !== null) {
    return (
      <div className="grid aspect-video w-full place-items-center rounded-xl border bg-muted/50 px-6 py-8">
        <div className="flex max-w-md flex-col items-center text-center" role="alert">
          <p className="font-medium">{TITLES[trouble]}</p>
          <p className="mt-1.5 text-muted-foreground text-sm leading-relaxed">
            {troubleText(trouble, video)}
          </p>
          <div className="mt-5 flex flex-wrap justify-center gap-3">
            <Button asChild>
              <a href={source.url} download={video.original_filename}>
                <Download />
                Download the video
              </a>
            </Button>
            <Button variant="secondary" onClick={() => void renew()}>
              <RotateCw />
              Try again
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
      onError={explain}
      onLoadedMetadata={begin}
    />
  );
}

const TITLES: Readonly<Record<Trouble, string>> = {
  cannot_play: "This browser can't play the video",
  no_picture: "This browser can't show the picture",
  not_loaded: "The video couldn't be loaded",
};

function troubleText(trouble: Trouble, video: Video): string {
  if (trouble === "not_loaded")
    return "The connection to the storage was lost. Check your connection and try again.";
  const format = [video.container, video.video_codec].filter((name) => name !== null).map(spell);
  const what = format.length === 0 ? "The format" : `${format.join(" with ")}`;
  return `${what} isn't supported by every browser. Download the video and open it in a player on your device.`;
}

function hasExpired(expiresAt: string | null): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now();
}
