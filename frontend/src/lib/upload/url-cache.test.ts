import { describe, expect, it, vi } from "vitest";
import { FakeClock, T0 } from "./testing";
import { createUrlCache, type TimedParts } from "./url-cache";

function signed(
  numbers: readonly number[],
  lifeMs: number,
  serverNow: number,
  sentAt = serverNow,
): TimedParts {
  return {
    sentAt,
    server_time: new Date(serverNow).toISOString(),
    parts: numbers.map((number) => ({
      part_number: number,
      url: `https://store.test/${number}/${serverNow}`,
      size_bytes: 1,
      expires_at: new Date(serverNow + lifeMs).toISOString(),
    })),
  };
}

function makeCache(upcoming: () => readonly number[] = () => [], lifeMs = 900_000) {
  const clock = new FakeClock();
  const sign = vi.fn(async (numbers: readonly number[]) => signed(numbers, lifeMs, clock.now()));
  const log = { counts: { renewals: 0 }, clockOffsetMs: null as number | null };
  return { clock, sign, log, cache: createUrlCache({ clock, log, batchSize: 32, sign, upcoming }) };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("createUrlCache", () => {
  it("gives a signed URL without asking, until five minutes before its end", async () => {
    const { cache, clock, sign } = makeCache();
    cache.add(signed([1], 900_000, T0));
    clock.sleep(599_999);
    expect((await cache.get(1)).url).toBe(`https://store.test/1/${T0}`);
    expect(sign).not.toHaveBeenCalled();
    clock.sleep(1);
    expect((await cache.get(1)).url).not.toBe(`https://store.test/1/${T0}`);
    expect(sign).toHaveBeenCalledWith([1]);
  });

  it("asks for many in one call: the wanted first, then what comes next, 32 at most", async () => {
    const { cache, sign } = makeCache(() => range(50, 90));
    await Promise.all([cache.get(7), cache.get(9)]);
    expect(sign.mock.calls.map(([numbers]) => numbers)).toEqual([
      [7, 50, ...range(51, 80)],
      [9, ...range(81, 90)],
    ]);
  });

  it("fetches the next batch when fewer than twelve are left, and nobody waits for it", async () => {
    let next = 1;
    const { cache, clock, sign } = makeCache(() => range(next, Math.min(64, next + 43)));
    cache.add(signed(range(1, 32), 900_000, T0));
    for (; next <= 20; next += 1) {
      await cache.get(next - 1 || 1);
      expect(sign).not.toHaveBeenCalled();
    }
    await cache.get(20);
    next = 22;
    await cache.get(21);
    await clock.settle();
    expect(sign).toHaveBeenCalledTimes(1);
    expect(sign.mock.calls[0]?.[0][0]).toBe(33);
  });

  it("counts a URL's life from before the call, so that a slow answer does not stretch it", async () => {
    const { cache, clock, sign } = makeCache();
    clock.sleep(600_000);
    cache.add(signed([1], 900_000, T0));
    clock.sleep(240_000);
    await cache.get(1);
    expect(sign).toHaveBeenCalledOnce();
  });

  it("takes no URL for older than it is because our clock was set back during the call", async () => {
    const { cache, clock, sign } = makeCache();
    clock.set(-3_600_000);
    cache.add(signed([1], 900_000, T0, T0));
    clock.sleep(840_000);
    await cache.get(1);
    expect(sign).toHaveBeenCalledOnce();
  });

  it("fails a part that the answer leaves out, instead of asking for ever", async () => {
    const { cache, sign } = makeCache();
    sign.mockImplementation(async (numbers) =>
      signed(
        numbers.filter((number) => number !== 3),
        900_000,
        T0,
      ),
    );
    const [second, third] = await Promise.allSettled([cache.get(2), cache.get(3)]);
    expect(second.status).toBe("fulfilled");
    expect(third).toMatchObject({ reason: { code: "unreadable_answer" } });
    expect(sign.mock.calls.length).toBeLessThan(3);
  });

  it("knows how far the server's clock is ahead", () => {
    const { cache, clock, log } = makeCache();
    clock.sleep(200);
    cache.add(signed([1], 900_000, T0 + 60_100, T0));
    expect(log.clockOffsetMs).toBe(60_000);
  });

  it("asks for a new URL beside the old one, which serves until the new one is there", async () => {
    const { cache, clock, log, sign } = makeCache();
    cache.add(signed([1], 900_000, T0));
    clock.sleep(1000);
    cache.refresh(1);
    expect((await cache.get(1)).url).toBe(`https://store.test/1/${T0}`);
    await clock.settle();
    expect((await cache.get(1)).url).toBe(`https://store.test/1/${T0 + 1000}`);
    expect(sign).toHaveBeenCalledOnce();
    expect(log.counts.renewals).toBe(1);
  });

  it("keeps the old URL when the API has no new one", async () => {
    const { cache, clock, log, sign } = makeCache();
    cache.add(signed([1], 900_000, T0));
    sign.mockRejectedValueOnce(new Error("no"));
    cache.refresh(1);
    await clock.settle();
    expect((await cache.get(1)).url).toBe(`https://store.test/1/${T0}`);
    expect(log.counts.renewals).toBe(0);
  });

  it("never gives a URL out again that was refused", async () => {
    const { cache, clock } = makeCache();
    cache.add(signed([1, 2], 900_000, T0));
    clock.sleep(1000);
    cache.invalidate([1]);
    expect((await cache.get(1)).url).toBe(`https://store.test/1/${T0 + 1000}`);
    clock.sleep(1000);
    cache.invalidate();
    expect((await cache.get(2)).url).toBe(`https://store.test/2/${T0 + 2000}`);
  });

  it("tells everyone who waits why it cannot sign, and asks again for the next", async () => {
    const { cache, sign } = makeCache();
    sign.mockRejectedValueOnce(new Error("no"));
    await expect(cache.get(1)).rejects.toThrow("no");
    expect((await cache.get(1)).url).toContain("/1/");
  });

  it("keeps a failed fetch ahead to itself", async () => {
    const { cache, clock, sign } = makeCache(() => [2]);
    cache.add(signed([1], 900_000, T0));
    sign.mockRejectedValueOnce(new Error("no"));
    await cache.get(1);
    await clock.settle();
    expect((await cache.get(2)).url).toContain("/2/");
  });
});
