// Plays a video. If the browser cannot, it says why and offers the download.
"use client";

import { Download, RotateCw } from "lucide-react";
import { type SyntheticEvent, useRef, useState } from "react";
import { ExternalLink } from "@/components/external-link";
import { Button, buttonClass } from "@/components/ui/button";
import type { Video } from "@/lib/api/client";
import { useVideoText } from "@/text/video-text";
import { type Playback, readPlayback, resumePlayback } from "./playback";
import {
  isFileTrouble,
  mayPassNextTime,
  statusOf,
  type Trouble,
  troubleFor,
  troubleText,
  troubleTitle,
} from "./player-trouble";
import { pictureStyle, VideoFrame } from "./video-frame";

export function VideoPlayer({
  video,
  deliveryUrl,
  refresh,
}: {
  video: Video;
  deliveryUrl: string;
  refresh: () => Promise<Video | null>;
}) {
  const t = useVideoText();
  // A new URL makes the player load anew, so the page keeps the first one until it expires.
  const [source, setSource] = useState({ url: deliveryUrl, expiresAt: video.delivery_url_expires_at });
  const [trouble, setTrouble] = useState<Trouble | null>(null);
  const playback = useRef<Playback | null>(null);

  /** Return whether there is a new URL. */
  async function renew(): Promise<boolean> {
    const fresh = await refresh();
    if (fresh?.delivery_url == null || fresh.delivery_url === source.url) return false;
    setSource({ url: fresh.delivery_url, expiresAt: fresh.delivery_url_expires_at });
    return true;
  }

  async function explain({ currentTarget: player }: SyntheticEvent<HTMLVideoElement>) {
    const last = readPlayback(player, playback.current);
    const facts = { truncated: video.truncated, hasPlayed: player.currentTime > 0 };
    const found = troubleFor(player.error?.code, await statusOf(source.url), facts);
    playback.current = found === "ends_early" ? { ...last, seconds: 0, isPlaying: false } : last;
    if ((found === "refused" || hasExpired(source.expiresAt)) && (await renew())) return;
    setTrouble(found);
  }

  function resume({ currentTarget: player }: SyntheticEvent<HTMLVideoElement>) {
    if (playback.current !== null) resumePlayback(player, playback.current);
    playback.current = null;
  }

  function checkPicture({ currentTarget: player }: SyntheticEvent<HTMLVideoElement>) {
    // A browser that supports only the audio codec shows a black frame and fires no error.
    if (player.videoWidth === 0 && video.width !== null) setTrouble("no_picture");
  }

  if (trouble !== null) {
    return (
      <VideoFrame video={video}>
        <div className="flex max-w-md flex-col items-center px-6 py-8 text-center" role="alert">
          <p className="font-medium">{troubleTitle(t, trouble)}</p>
          <p className="mt-1.5 text-muted-foreground text-sm leading-relaxed">
            {troubleText(t, trouble, video)}
          </p>
          <div className="mt-5 flex flex-wrap justify-center gap-3">
            {isFileTrouble(trouble) && (
              <ExternalLink className={buttonClass()} href={source.url} download={video.original_filename}>
                <Download />
                <span>{t.video.trouble.download}</span>
              </ExternalLink>
            )}
            {mayPassNextTime(trouble) && (
              <Button variant="secondary" onClick={() => void renew().then(() => setTrouble(null))}>
                <RotateCw />
                <span>{t.site.tryAgain}</span>
              </Button>
            )}
          </div>
        </div>
      </VideoFrame>
    );
  }

  return (
    <VideoFrame video={video} className="bg-black!">
      {/* biome-ignore lint/a11y/useMediaCaption: people upload their own videos; no captions exist. */}
      <video
        src={source.url}
        // Cookies ignore ports, so a store at the page's host would get the session's.
        crossOrigin={sharesHost(source.url) ? "anonymous" : undefined}
        controls
        playsInline
        preload="metadata"
        aria-label={video.original_filename}
        style={pictureStyle(video)}
        onError={(event) => void explain(event)}
        onLoadedMetadata={resume}
        // Before it WebKit may not know the size.
        onLoadedData={checkPicture}
      />
    </VideoFrame>
  );
}

/** Return whether only the port tells the store from the page. Then it is ours, and its CORS answers let pages read. */
function sharesHost(url: string): boolean {
  return new URL(url).hostname === location.hostname;
}

function hasExpired(expiresAt: string | null): boolean {
  return expiresAt !== null && Date.parse(expiresAt) <= Date.now();
}
