// Carries on where a player was when its URL ended.

/** What a person has set of a player, and how far it was. */
export interface Playback {
  readonly seconds: number;
  readonly isPlaying: boolean;
  readonly rate: number;
  readonly volume: number;
  readonly muted: boolean;
}

type Player = Pick<HTMLVideoElement, "currentTime" | "paused" | "playbackRate" | "volume" | "muted" | "play">;

/** Read the player. One that failed before its first picture is where `before` was. */
export function readPlayback(player: Player, before: Playback | null): Playback {
  const isUntouched = player.currentTime === 0 && before !== null;
  return {
    seconds: isUntouched ? before.seconds : player.currentTime,
    isPlaying: isUntouched ? before.isPlaying : !player.paused,
    rate: player.playbackRate,
    volume: player.volume,
    muted: player.muted,
  };
}

/** Set the player, which knows its video's duration by now. */
export function resumePlayback(player: Player, { seconds, isPlaying, rate, volume, muted }: Playback): void {
  player.volume = volume;
  player.muted = muted;
  player.playbackRate = rate;
  if (seconds > 0) player.currentTime = seconds;
  // The browser may want a click first. Then the video stays paused.
  if (isPlaying) player.play().catch(() => {});
}
