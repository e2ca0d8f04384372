// An uploader in a world where the test decides every answer and every second.
import type { BodyMode, UploaderOptions, UploaderPorts } from "../ports";
import type { UploadState, UploadTelemetry } from "../types";
import { Uploader } from "../uploader";
import { FakeApi } from "./fake-api";
import { FakeClock } from "./fake-clock";
import { FakeFile } from "./fake-file";
import { FakeHasher } from "./fake-hasher";
import { FakeGuards, FakeNetwork } from "./fake-page";
import { FakeStore } from "./fake-store";
import { MIB, POLICY } from "./policy";
import { countListeners, forgetSignals } from "./signals";

export interface World {
  readonly uploader: Uploader;
  readonly clock: FakeClock;
  readonly store: FakeStore;
  readonly api: FakeApi;
  readonly hasher: FakeHasher;
  readonly network: FakeNetwork;
  readonly guards: FakeGuards;
  readonly bodyMode: BodyMode;
  readonly file: FakeFile;
  /** Every state the page saw, in order. */
  readonly states: UploadState[];
  readonly telemetry: UploadTelemetry[];
  start(): void;
  /** Lets time pass until the upload has ended, and fails if it does not within `ms`. */
  finish(ms?: number): Promise<UploadState>;
  /** What is still open after the end. Each must be zero. */
  leaks(): Record<string, number>;
}

export function makeWorld(
  options: {
    readonly size?: number;
    readonly file?: FakeFile;
    readonly uploader?: UploaderOptions;
    readonly random?: () => number;
  } = {},
): World {
  const clock = new FakeClock();
  const store = new FakeStore(clock);
  const api = new FakeApi(clock, store);
  const hasher = new FakeHasher(clock);
  const network = new FakeNetwork();
  const guards = new FakeGuards();
  const bodyMode = { readsBodies: false };
  const file = options.file ?? new FakeFile(options.size ?? 20 * MIB);
  forgetSignals();
  let ids = 0;
  const ports: UploaderPorts = {
    api,
    transport: store,
    hasher,
    clock,
    network,
    guards,
    bodyMode,
    random: options.random ?? (() => 0.5),
    newId: () => `key-${++ids}`,
    browser: "TestBrowser/1",
  };
  const uploader = new Uploader(ports, POLICY, options.uploader);
  const states: UploadState[] = [];
  uploader.subscribe(() => states.push(uploader.getState()));
  return {
    uploader,
    clock,
    store,
    api,
    hasher,
    network,
    guards,
    bodyMode,
    file,
    states,
    telemetry: api.telemetry,
    start: () => uploader.start(file.asFile()),
    async finish(ms = 7_200_000) {
      await clock.advance(ms, () => isTerminal(uploader.getState()));
      const state = uploader.getState();
      if (!isTerminal(state)) throw new Error(`still ${state.status} after ${ms} ms`);
      return state;
    },
    leaks: () => ({
      timers: clock.pending,
      requests: store.open,
      network: network.listeners.size,
      guards: guards.held,
      signals: countListeners(),
    }),
  };
}

export const NO_LEAKS = { timers: 0, requests: 0, network: 0, guards: 0, signals: 0 };

export function isTerminal(state: UploadState): boolean {
  return state.status === "done" || state.status === "failed" || state.status === "aborted";
}
