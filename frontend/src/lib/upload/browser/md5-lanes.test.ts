import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLanes, type Md5Lane } from "./md5-lanes";

const LANE_BYTES = 256 * 1024;

function md5Of(bytes: Uint8Array): string {
  return createHash("md5").update(bytes).digest("hex");
}

async function hashed(lane: Md5Lane, bytes: Uint8Array, cuts: readonly number[] = []): Promise<string> {
  lane.begin();
  let from = 0;
  for (const cut of [...cuts].sort((a, b) => a - b)) {
    await lane.add(bytes.subarray(from, cut));
    from = cut;
  }
  await lane.add(bytes.subarray(from));
  const hash = await lane.digest();
  lane.leave();
  return hash;
}

describe("createLanes", () => {
  it("hashes messages of 0 to 259 bytes in each lane alone", async () => {
    for (const lane of await createLanes())
      for (let size = 0; size < 260; size += 1) {
        const bytes = randomBytes(size);
        expect(await hashed(lane, bytes)).toBe(md5Of(bytes));
      }
  });

  it.each([-1, 0, 1, 63, 64, LANE_BYTES + 7])("hashes chunks of 256 KiB and %i bytes", async (more) => {
    const bytes = randomBytes(LANE_BYTES + more);
    const lanes = await createLanes();
    expect(await Promise.all(lanes.map((lane) => hashed(lane, bytes)))).toEqual(
      lanes.map(() => md5Of(bytes)),
    );
  });

  it("hashes messages of any length in chunks of any length beside others that stop or leave", async () => {
    const message = fc.record({
      bytes: fc.uint8Array({ maxLength: 700 }),
      cuts: fc.array(fc.nat(700), { maxLength: 8 }),
      end: fc.constantFrom("digest", "digest", "stop"),
      leaves: fc.boolean(),
    });
    const lanes = await createLanes();
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(message, { maxLength: 4 }), { minLength: 4, maxLength: 4 }),
        async (all) => {
          const run = async (lane: Md5Lane, messages: (typeof all)[number]) => {
            for (const { bytes, cuts, end, leaves } of messages) {
              if (end === "digest") expect(await hashed(lane, bytes, cuts)).toBe(md5Of(bytes));
              else {
                lane.begin();
                await lane.add(bytes);
                lane.leave();
              }
              // The next chunk of this lane comes after the others have gone on.
              if (leaves) await new Promise(setImmediate);
            }
          };
          await Promise.all(lanes.map((lane, index) => run(lane, all[index] ?? [])));
        },
      ),
      { numRuns: 300 },
    );
  }, 60_000);

  it("goes on without a lane that leaves, which later has its hash too", async () => {
    const [slow, ...others] = await createLanes();
    const bytes = randomBytes(100_000);
    slow?.begin();
    await slow?.add(bytes.subarray(0, 40_000));
    const hashes = Promise.all(others.map((lane) => hashed(lane, bytes)));
    slow?.leave();
    expect(await hashes).toEqual(others.map(() => md5Of(bytes)));
    await slow?.add(bytes.subarray(40_000));
    expect(await slow?.digest()).toBe(md5Of(bytes));
  });
});
