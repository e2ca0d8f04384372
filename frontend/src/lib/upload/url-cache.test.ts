import { describe, expect, it, vi } from "vitest";
import { FakeClock, T0 } from "./testing";
import { createUrlCache, type TimedParts } from "./url-cache";

function signed(
  numbers: readonly number[],
  lifeMs: number,
  serverNow: number,
  askedAt = serverNow,
): TimedParts {
  return {
    askedAt,
    server_time: new Date(serverNow).toISOString(),
    parts: numbers.map((number) => ({
      part_number: number,
      url: `https://store.test/${number}/${serverNow}`,
      size_bytes: 1,
      expires_at: new Date(serverNow + lifeMs).toISOString(),
    })),
  };
}

function makeBook(upcoming: () => readonly number[] = () => [], lifeMs = 900_000) {
  const clock = new FakeClock();
  const sign = vi.fn(async (numbers: readonly number[]) => signed(numbers, lifeMs, clock.now()));
  const log = { renewals: 0, clockOffsetMs: null as number | null };
  return { clock, sign, log, book: createUrlCache(clock, sign, upcoming, log) };
}

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe("createUrlCache", () => {
  it("gives a signed URL without asking, until a minute before its end", async () => {
    const { book, clock, sign } = makeBook();
    book.add(signed([1], 900_000, T0));
    clock.sleep(839_999);
    expect((await book.take(1)).url).toBe(`https://store.test/1/${T0}`);
    expect(sign).not.toHaveBeenCalled();
    clock.sleep(1);
    expect((await book.take(1)).url).not.toBe(`https://store.test/1/${T0}`);
    expect(sign).toHaveBeenCalledWith([1]);
  });

  it("asks for many in one call: the wanted first, then what comes next, 32 at most", async () => {
    const { book, sign } = makeBook(() => range(50, 90));
    await Promise.all([book.take(7), book.take(9)]);
    expect(sign.mock.calls.map(([numbers]) => numbers)).toEqual([
      [7, 50, ...range(51, 80)],
      [9, ...range(81, 90)],
    ]);
  });

  it("fetches the next batch when fewer than twelve are left, and nobody waits for it", async () => {
    let next = 1;
    const { book, clock, sign } = makeBook(() => range(next, Math.min(64, next + 43)));
    book.add(signed(range(1, 32), 900_000, T0));
    for (; next <= 20; next += 1) {
      await book.take(next - 1 || 1);
      expect(sign).not.toHaveBeenCalled();
    }
    await book.take(20);
    next = 22;
    await book.take(21);
    await clock.settle();
    expect(sign).toHaveBeenCalledTimes(1);
    expect(sign.mock.calls[0]?.[0][0]).toBe(33);
  });

  it("counts a URL's life from before the call, so that a slow answer does not stretch it", async () => {
    const { book, clock, sign } = makeBook();
    clock.sleep(600_000);
    book.add(signed([1], 900_000, T0));
    clock.sleep(240_000);
    await book.take(1);
    expect(sign).toHaveBeenCalledOnce();
  });

  it("takes no URL for older than it is because our clock was set back during the call", async () => {
    const { book, clock, sign } = makeBook();
    clock.set(-3_600_000);
    book.add(signed([1], 900_000, T0, T0));
    clock.sleep(840_000);
    await book.take(1);
    expect(sign).toHaveBeenCalledOnce();
  });

  it("fails a part that the answer leaves out, instead of asking for ever", async () => {
    const { book, sign } = makeBook();
    sign.mockImplementation(async (numbers) =>
      signed(
        numbers.filter((number) => number !== 3),
        900_000,
        T0,
      ),
    );
    const [second, third] = await Promise.allSettled([book.take(2), book.take(3)]);
    expect(second.status).toBe("fulfilled");
    expect(third).toMatchObject({ reason: { code: "unreadable_answer" } });
    expect(sign.mock.calls.length).toBeLessThan(3);
  });

  it("knows how far the server's clock is ahead", () => {
    const { book, clock, log } = makeBook();
    clock.sleep(200);
    book.add(signed([1], 900_000, T0 + 60_100, T0));
    expect(log.clockOffsetMs).toBe(60_000);
  });

  it("asks for a new URL beside the old one, which serves until the new one is there", async () => {
    const { book, clock, log, sign } = makeBook();
    book.add(signed([1], 900_000, T0));
    clock.sleep(1000);
    book.refresh(1);
    expect((await book.take(1)).url).toBe(`https://store.test/1/${T0}`);
    await clock.settle();
    expect((await book.take(1)).url).toBe(`https://store.test/1/${T0 + 1000}`);
    expect(sign).toHaveBeenCalledOnce();
    expect(log.renewals).toBe(1);
  });

  it("keeps the old URL when the API has no new one", async () => {
    const { book, clock, log, sign } = makeBook();
    book.add(signed([1], 900_000, T0));
    sign.mockRejectedValueOnce(new Error("no"));
    book.refresh(1);
    await clock.settle();
    expect((await book.take(1)).url).toBe(`https://store.test/1/${T0}`);
    expect(log.renewals).toBe(0);
  });

  it("never gives a URL out again that was refused", async () => {
    const { book, clock } = makeBook();
    book.add(signed([1, 2], 900_000, T0));
    clock.sleep(1000);
    book.forget(1);
    expect((await book.take(1)).url).toBe(`https://store.test/1/${T0 + 1000}`);
    clock.sleep(1000);
    book.forgetAll();
    expect((await book.take(2)).url).toBe(`https://store.test/2/${T0 + 2000}`);
  });

  it("tells everyone who waits why it cannot sign, and asks again for the next", async () => {
    const { book, sign } = makeBook();
    sign.mockRejectedValueOnce(new Error("no"));
    await expect(book.take(1)).rejects.toThrow("no");
    expect((await book.take(1)).url).toContain("/1/");
  });

  it("keeps a failed fetch ahead to itself", async () => {
    const { book, clock, sign } = makeBook(() => [2]);
    book.add(signed([1], 900_000, T0));
    sign.mockRejectedValueOnce(new Error("no"));
    await book.take(1);
    await clock.settle();
    expect((await book.take(2)).url).toContain("/2/");
  });
});
