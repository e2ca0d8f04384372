import { describe, expect, it } from "vitest";
import { MIB, makeWorld, OK, untilSending, type World } from "@/lib/upload/testing";
import { ALL_ENGLISH } from "@/text/all-english";
import { SILENT, speak } from "./upload-speech";

/** All that the live region says, in order. */
function announcements({ states }: World): string[] {
  let speech = SILENT;
  return states.flatMap((state) => {
    speech = speak(ALL_ENGLISH, speech, state);
    return speech.sentence ?? [];
  });
}

const BEGINNING = [
  "Checking holiday.mp4.",
  "Starting the upload of holiday.mp4.",
  "Sending holiday.mp4, 200 MiB.",
];
const END = ["All sent. Assembling the video.", "Uploaded. Checking the file."];

describe("the announcements", () => {
  it("of a clean upload are its steps and quarters", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.start();
    await world.finish();
    expect(announcements(world)).toEqual([...BEGINNING, "25% sent.", "50% sent.", "75% sent.", ...END]);
  });

  it("of an upload with an outage of a minute tell the outage and its end once", async () => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 6);
    const from = world.clock.trueNow();
    let attempts = 0;
    world.store.fault = () => {
      if (world.clock.trueNow() - from >= 60_000) return OK;
      attempts += 1;
      return attempts % 2 === 0 ? { kind: "reset", at: 0 } : { kind: "status", status: 503, at: 0 };
    };
    await world.finish();
    const said = announcements(world);
    expect(said.filter((sentence) => /keeps trying/.test(sentence)).length).toBeLessThanOrEqual(2);
    expect(said.filter((sentence) => /^The upload continues\. \d+% sent\.$/.test(sentence))).toHaveLength(1);
    expect(new Set(said).size).toBe(said.length);
    expect(said.slice(0, BEGINNING.length)).toEqual(BEGINNING);
    expect(said.slice(-END.length)).toEqual(END);
  });

  it("of two outages tell both", async () => {
    const world = makeWorld({ size: 200 * MIB });
    await untilSending(world, 6);
    for (const _ of ["first", "second"]) {
      world.network.go(false);
      await world.clock.advance(5000);
      world.network.go(true);
      await world.clock.advance(2000);
    }
    await world.finish();
    const ofOutages = announcements(world).filter((sentence) => /offline|continues\./.test(sentence));
    expect(ofOutages.map((sentence) => sentence.slice(0, 19))).toEqual([
      "You're offline. The",
      "The upload continue",
      "You're offline. The",
      "The upload continue",
    ]);
  });

  it("of a failed upload end with the outage, because the card tells the failure", async () => {
    const world = makeWorld({ size: 200 * MIB });
    world.store.fault = () => ({ kind: "status", status: 503, at: 0 });
    world.start();
    await world.finish();
    expect(announcements(world)).toEqual([
      ...BEGINNING,
      "The storage can't take the video at the moment. The page keeps trying.",
    ]);
  });

  it("of a second upload of the same file are made anew", async () => {
    const world = makeWorld({ size: 5 * MIB });
    world.start();
    await world.finish();
    const first = announcements(world);
    world.start();
    await world.finish();
    expect(announcements(world)).toEqual([...first, ...first]);
  });
});
