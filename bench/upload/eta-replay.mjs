// Replays recorded uploads through the engine with a simulated clock, and compares the displayed time left with the
// actual one. Prints one JSON object with the median error of each trace.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { plannedPartSize } from "../../frontend/src/lib/upload/rules/part-list";
import { Uploader } from "../../frontend/src/lib/upload/uploader";

const MIB = 1024 * 1024;
const STEP_MS = 100;
/** The error counts after this time, and not in the last second, where rounding dominates. */
const FROM_MS = 10_000;
const UNTIL_LEFT_MS = 1000;

const POLICY = {
  max_size_bytes: 2048 * MIB,
  presign_ttl_seconds: 900,
  max_parts_per_signing: 32,
  part_plan: {
    min_part_bytes: 5 * MIB,
    max_part_bytes: 16 * MIB,
    part_bytes_multiple: MIB,
    wanted_parts: 6,
  },
  containers: [
    { container: "mp4", extensions: [".mp4"], content_types: ["video/mp4"], family: "isobmff" },
  ],
};

class ScriptedClock {
  time = 1_700_000_000_000;
  timers = new Set();
  now() {
    return this.time;
  }
  after(ms, callback) {
    const timer = { at: this.time + ms, callback };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  }
  advance(ms) {
    this.time += ms;
    for (const timer of [...this.timers].sort((a, b) => a.at - b.at))
      if (timer.at <= this.time && this.timers.delete(timer)) timer.callback();
  }
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

/** Distributes the bytes in flight evenly among the parts, as connections that share a link do. */
class ScriptedLine {
  flights = new Set();
  put(request) {
    return new Promise((resolve) => this.flights.add({ request, resolve, loaded: 0 }));
  }
  async carry(bytes) {
    let left = bytes;
    for (let round = 0; left >= 1 && round < 32; round += 1) {
      const share = left / Math.max(1, this.flights.size);
      for (const flight of [...this.flights]) {
        const moved = Math.min(share, flight.request.body.size - flight.loaded, left);
        left -= moved;
        flight.loaded += moved;
        flight.request.onProgress(Math.round(flight.loaded));
        if (flight.loaded < flight.request.body.size - 0.5) continue;
        flight.request.onBodySent();
        this.flights.delete(flight);
        flight.resolve({ status: 200, storeCode: null, retryAfterSeconds: null });
      }
      await settle();
      if (this.flights.size === 0) return;
    }
  }
}

async function replay(trace) {
  const clock = new ScriptedClock();
  const line = new ScriptedLine();
  const slice = (start, end) => ({
    size: end - start,
    arrayBuffer: async () =>
      new TextEncoder().encode("\0\0\0\x14ftypisom\0\0\x02\0isom\0\0\0\x08free").buffer,
  });
  const file = { name: "trace.mp4", size: trace.size_bytes, lastModified: 0, slice };
  const partSize = plannedPartSize(file.size, POLICY.part_plan);
  const signed = (numbers) => ({
    server_time: new Date(clock.now()).toISOString(),
    parts: numbers.map((part_number) => ({
      part_number,
      url: `http://store/${part_number}`,
      expires_at: new Date(clock.now() + 900_000).toISOString(),
    })),
  });
  const count = Math.ceil(file.size / partSize);
  const first = Array.from({ length: Math.min(32, count) }, (_, index) => index + 1);
  let isSent = false;
  const ports = {
    api: {
      create: async () => ({ video: { id: "v" }, upload: { part_size_bytes: partSize, ...signed(first) } }),
      sign: async (_, numbers) => signed(numbers),
      complete: async () => {
        isSent = true;
        return { id: "v", status: "processing" };
      },
      remove: async () => undefined,
      removeOnUnload: () => undefined,
      report: () => undefined,
    },
    transport: line,
    hasher: { md5: async () => ({ kind: "unavailable" }), warmUp: () => undefined, release: () => undefined },
    clock,
    network: { isOnline: () => true, subscribe: () => () => undefined },
    guards: { hold: () => () => undefined, onPageGone: () => () => undefined },
    random: () => 0.5,
    newId: () => "id",
    browser: "replay",
  };
  const uploader = new Uploader(ports, POLICY, { integrity: false });
  uploader.start(file);
  for (let turn = 0; turn < 20; turn += 1) await settle();

  const shown = [];
  const end = trace.samples.at(-1)[0];
  let at = 0;
  let carried = 0;
  let next = 0;
  const began = clock.now();
  while (!isSent && at < end + 120_000) {
    at += STEP_MS;
    // Between two samples the rate is constant.
    while (next < trace.samples.length - 1 && trace.samples[next + 1][0] <= at) next += 1;
    const [t0, b0] = trace.samples[next];
    const [t1, b1] = trace.samples[Math.min(next + 1, trace.samples.length - 1)];
    const due = at >= end ? file.size : t1 > t0 ? b0 + ((b1 - b0) * (Math.max(at, t0) - t0)) / (t1 - t0) : b0;
    await line.carry(Math.max(0, due - carried));
    carried = Math.max(carried, due);
    clock.advance(STEP_MS);
    await settle();
    const state = uploader.getState();
    if (state.status === "sending" && at % 1000 === 0) shown.push([at, state.progress.etaSeconds]);
  }
  const took = clock.now() - began;
  return judge(shown, took);
}

/** `shown` contains pairs of the ms since the start and the displayed seconds left, or null. */
function judge(shown, took) {
  const judged = shown.filter(([at]) => at >= FROM_MS && took - at >= UNTIL_LEFT_MS);
  const errors = judged
    .filter(([, seconds]) => seconds !== null)
    .map(([at, seconds]) => Math.abs(seconds * 1000 - (took - at)) / (took - at))
    .sort((a, b) => a - b);
  return {
    seconds: took / 1000,
    readings: judged.length,
    hidden: judged.length - errors.length,
    median_error: errors[Math.floor(errors.length / 2)] ?? null,
    worst_tenth_error: errors[Math.floor(errors.length * 0.9)] ?? null,
  };
}

const folder = process.argv[2];
const results = {};
for (const name of readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .sort())
  results[name.replace(".json", "")] = await replay(JSON.parse(readFileSync(join(folder, name), "utf8")));
console.log(JSON.stringify(results));
process.exit(0);
