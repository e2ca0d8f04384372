// Plays a video. If the browser cannot, it says why.
"use client";

import { type SyntheticEvent, useRef, useState } from "react";
import type { Video } from "@/lib/api/client";
import { type Playback, readPlayback, resumePlayback } from "./playback";
import { statusOf, type Trouble, troubleFor } from "./player-trouble";
import { PlayerTroubleNotice } from "./player-trouble-notice";
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
      <PlayerTroubleNotice
        video={video}
        trouble={trouble}
        url={source.url}
        onRetry={() => void renew().then(() => setTrouble(null))}
      />
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
