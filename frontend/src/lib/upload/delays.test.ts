import { expect, it } from "vitest";
import { within } from "./delays";
import { FakeClock } from "./testing";

const never = new Promise<never>(() => undefined);

it("a wait ends in a hidden tab too, where each timer is up to a minute late", async () => {
  const clock = new FakeClock();
  const { signal } = new AbortController();
  const after = clock.after.bind(clock);
  clock.after = (ms, callback) => after(Math.ceil((ms + 1) / 60_000) * 60_000, callback);
  let end: unknown;
  void within({ clock, signal }, 3000, never).then((value) => {
    end = value;
  });
  await clock.advance(600_000, () => end === null);
  expect(end).toBeNull();
  expect(clock.pending).toBe(0);
});
