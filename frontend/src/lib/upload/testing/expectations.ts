// Steps and expectations that the behaviour tests share.
import { expect } from "vitest";
import type { UploadState } from "../types";
import type { Attempt, Fault } from "./fake-store";
import { NO_LEAKS, type World } from "./world";

export const OK: Fault = { kind: "ok" };

export function progressOf(state: UploadState) {
  return "progress" in state ? state.progress : null;
}

export function waitingOf(world: World) {
  const state = world.uploader.getState();
  return "waiting" in state ? state.waiting : null;
}

export async function expectDone(world: World): Promise<void> {
  expect(await world.finish()).toMatchObject({ status: "done", video: { status: "processing" } });
  await world.clock.settle();
  expect(world.leaks()).toEqual(NO_LEAKS);
}

export async function expectFailed(world: World, code: string, ms?: number) {
  const end = await world.finish(ms);
  expect(end).toMatchObject({ status: "failed", error: { code } });
  await world.clock.settle();
  return end.status === "failed" ? end.error : null;
}

/** Until the upload is in the middle of sending. */
export async function untilSending(world: World, finishedParts = 1): Promise<void> {
  world.start();
  await world.clock.advance(600_000, () => world.store.parts.size >= finishedParts);
  expect(world.uploader.getState().status).toBe("sending");
}

/** Until the store's refusal has ended the upload, which is kept. Then the store works again. */
export async function untilRefused(world: World): Promise<void> {
  world.store.fault = () => ({ kind: "status", status: 400, code: "Odd" });
  world.start();
  await expectFailed(world, "storage_refused");
  world.store.fault = () => OK;
}

/** The given fault for one part's first tries. */
export function faultOn(part: number, fault: Fault, tries = 1): (attempt: Attempt) => Fault {
  return (attempt) => (attempt.part === part && attempt.attempt <= tries ? fault : OK);
}
