import { describe, expect, it } from "vitest";
import { type Playback, readPlayback, resumePlayback } from "./playback";

function makePlayer(values: Partial<HTMLVideoElement> = {}) {
  const player = {
    currentTime: 0,
    paused: true,
    playbackRate: 1,
    volume: 1,
    muted: false,
    play: () => {
      player.paused = false;
      return Promise.resolve();
    },
    ...values,
  };
  return player;
}

const PLAYING: Playback = { seconds: 12.5, isPlaying: true, rate: 1.5, volume: 0.25, muted: true };

describe("a player with a new URL", () => {
  it.each<Playback>([PLAYING, { ...PLAYING, isPlaying: false }])("carries on as it was: %j", (before) => {
    const player = makePlayer();
    resumePlayback(player, before);
    expect(readPlayback(player, null)).toEqual(before);
  });

  it("is still where it was after it failed twice before its first picture", () => {
    const failed = makePlayer({ playbackRate: 1.5, volume: 0.25, muted: true });
    expect(readPlayback(failed, PLAYING)).toEqual(PLAYING);
  });

  it("stays paused if the browser wants a click first", () => {
    const player = makePlayer({ play: () => Promise.reject(new DOMException("", "NotAllowedError")) });
    resumePlayback(player, PLAYING);
    expect(player.paused).toBe(true);
  });
});
