import { describe, expect, it } from "vitest";
import { MIB } from "../testing";
import { Concurrency } from "./concurrency";

describe("Concurrency", () => {
  it("halves at trouble, once for a burst, and never below one", () => {
    const concurrency = new Concurrency(6);
    const limits = [0, 100, 4000, 5000, 10_000, 15_000].map((now) => {
      concurrency.reduce(now);
      return concurrency.limit;
    });
    expect(limits).toEqual([3, 3, 3, 1, 1, 1]);
  });

  it("allows one more part after each round", () => {
    const concurrency = new Concurrency(6);
    concurrency.reduce(0);
    const limits = Array.from({ length: 13 }, () => {
      concurrency.partSent(1000);
      return concurrency.limit;
    });
    expect(limits).toEqual([3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 5, 6, 6]);
  });

  it("lets lanes come back that the projection does not afford, one after each round of parts that fit", () => {
    const concurrency = new Concurrency(6);
    concurrency.project(16 * MIB, 62_500);
    const limits = Array.from({ length: 6 }, () => {
      concurrency.partSent(270_000);
      return concurrency.limit;
    });
    expect(limits).toEqual([2, 2, 3, 3, 3, 4]);
  });

  it("goes back to what the projection affords after a part that did not fit", () => {
    const concurrency = new Concurrency(6);
    concurrency.project(16 * MIB, 62_500);
    concurrency.partSent(270_000);
    concurrency.partSent(301_000);
    expect(concurrency.limit).toBe(1);
  });

  it.each([
    [125_000, 2],
    [62_500, 1],
    [1000, 1],
    [300_000, 5],
    [10_000_000, 6],
  ])("affords at %i bytes/s %i parts of 16 MiB in 300 s", (speed, limit) => {
    const concurrency = new Concurrency(6);
    concurrency.project(16 * MIB, speed);
    expect(concurrency.limit).toBe(limit);
  });
});
