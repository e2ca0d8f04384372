import { describe, expect, it } from "vitest";
import { EtaDisplay, roundEta, SpeedMeter } from "./speed";

const MBIT = 125_000;

/** The bytes moved in each second of a connection. Seeded, so that every run has the same noise. */
function trace(seconds: number, rate: (second: number) => number): number[] {
  let seed = 42;
  const noise = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return seed / 2 ** 31;
  };
  // Measured over 1 s windows the speed of six parts varies by about 37 %.
  return Array.from({ length: seconds }, (_, second) =>
    Math.max(0, rate(second) * (1 + (noise() - 0.5) * 1.2)),
  );
}

/** The median of |shown - true| / true from second 10 to the last ten, as `make bench` measures it. */
function medianEtaError(bytes: readonly number[]): number {
  const total = bytes.reduce((sum, moved) => sum + moved, 0);
  const meter = new SpeedMeter();
  const eta = new EtaDisplay();
  let sent = 0;
  const errors: number[] = [];
  bytes.forEach((moved, second) => {
    meter.add(moved, 1000);
    sent += moved;
    const shown = eta.show(total - sent, meter.bytesPerSecond);
    const truth = bytes.length - second - 1;
    if (second >= 10 && truth >= 10 && shown !== null) errors.push(Math.abs(shown - truth) / truth);
  });
  errors.sort((a, b) => a - b);
  return errors[Math.floor(errors.length / 2)] ?? Number.NaN;
}

describe("the time left", () => {
  it.each([
    ["a steady line", trace(120, () => 50 * MBIT), 0.15],
    ["a sawtooth", trace(120, (second) => (30 + (second % 20) * 2) * MBIT), 0.25],
    ["a step down", trace(120, (second) => (second < 40 ? 50 : 20) * MBIT), 0.35],
    ["a step up", trace(120, (second) => (second < 40 ? 10 : 40) * MBIT), 0.35],
  ])("is near the truth on %s", (_, bytes, most) => {
    expect(medianEtaError(bytes)).toBeLessThanOrEqual(most);
  });

  it("is not known before three seconds, nor on a line that stands still", () => {
    const meter = new SpeedMeter();
    const eta = new EtaDisplay();
    meter.add(5_000_000, 1000);
    meter.add(500_000, 1000);
    expect(eta.show(1e9, meter.bytesPerSecond)).toBeNull();
    meter.add(500_000, 1000);
    expect(eta.show(1e9, meter.bytesPerSecond)).not.toBeNull();
    for (let second = 0; second < 120; second += 1) meter.add(0, 1000);
    expect(eta.show(1e9, meter.bytesPerSecond)).toBeNull();
  });

  it("comes in steps that grow with it", () => {
    expect([0.2, 7.4, 29.7, 33, 61, 119, 130, 1000, 5000].map(roundEta)).toEqual([
      1, 7, 30, 35, 60, 120, 135, 1020, 5100,
    ]);
  });

  it("does not flicker between two steps", () => {
    const eta = new EtaDisplay();
    const shown = [62, 63, 62, 63, 62.4, 62.6].map((seconds) => eta.show(seconds * 1000, 1000));
    expect(new Set(shown).size).toBe(1);
  });
});

describe("the speed", () => {
  it("does not count the burst that fills the sockets' buffers", () => {
    const meter = new SpeedMeter();
    meter.add(6_000_000, 1000);
    for (let second = 0; second < 5; second += 1) meter.add(600_000, 1000);
    expect(meter.bytesPerSecond).toBeCloseTo(600_000);
  });

  it("is right from the first sample on", () => {
    const meter = new SpeedMeter();
    for (let tick = 0; tick < 40; tick += 1) meter.add(25_000, 100);
    expect(meter.bytesPerSecond).toBeCloseTo(250_000);
  });

  it("ignores time that does not pass", () => {
    const meter = new SpeedMeter();
    meter.add(1000, 0);
    meter.add(1000, -50);
    expect(meter.bytesPerSecond).toBeNull();
  });
});
