// A hasher that works, is unavailable, fails or never answers.
import type { PartHash, PartHasher } from "../ports";
import type { FakeClock } from "./fake-clock";
import { md5Of, sliceOf } from "./fake-file";
import { watchSignal } from "./signals";

export class FakeHasher implements PartHasher {
  mode: "works" | "unavailable" | "unreadable" | "late" | "silent" | "throws" = "works";
  readonly hashed: number[] = [];
  tookMs = 0;
  /** How many hashes are being computed. */
  running = 0;
  releases = 0;
  warmUps = 0;

  constructor(private readonly clock: FakeClock) {}

  async md5(slice: Blob, signal: AbortSignal, keepsBytes = false): Promise<PartHash> {
    watchSignal(signal);
    const { start } = sliceOf(slice);
    this.hashed.push(start);
    this.running += 1;
    // A frozen page's worker stands still too, so that its answers come after the page's timers.
    for (let step = 0; this.tookMs > 0 && step < 10; step += 1)
      await new Promise<void>((resolve) => this.clock.after(this.tookMs / 10, resolve));
    this.running -= 1;
    switch (this.mode) {
      case "works":
        return keepsBytes
          ? { kind: "md5", hex: md5Of(slice), bytes: new Uint8Array(await slice.arrayBuffer()) }
          : { kind: "md5", hex: md5Of(slice) };
      case "silent":
        return new Promise(() => undefined);
      case "throws":
        throw new Error("wasm");
      default:
        return { kind: this.mode };
    }
  }

  warmUp(): void {
    this.warmUps += 1;
  }

  release(): void {
    this.releases += 1;
  }
}
