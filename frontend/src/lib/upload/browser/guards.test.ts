import { getEventListeners } from "node:events";
import { setImmediate as turn } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { browserGuards } from "./guards";

class FakePage extends EventTarget {
  visibilityState = "visible";

  get count(): number {
    const types = ["beforeunload", "visibilitychange", "pagehide"];
    return types.flatMap((type) => getEventListeners(this, type)).length;
  }
}

/** As in Chrome and Edge before 119, which ask only if this is set. In Node it cannot be set. */
class BeforeUnload extends Event {
  override returnValue = false;
}

describe("browserGuards", () => {
  let window: FakePage;
  let document: FakePage;
  let locks: { release: () => Promise<void>; isReleased: boolean }[];

  beforeEach(() => {
    window = new FakePage();
    document = new FakePage();
    locks = [];
    vi.stubGlobal("window", window);
    vi.stubGlobal("document", document);
    vi.stubGlobal("navigator", {
      wakeLock: {
        request: async () => {
          const lock = {
            isReleased: false,
            release: async () => {
              lock.isReleased = true;
            },
          };
          locks.push(lock);
          return lock;
        },
      },
    });
  });
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  it("asks before the page is left, only while held", () => {
    const leave = () => {
      const event = new BeforeUnload("beforeunload", { cancelable: true });
      window.dispatchEvent(event);
      return [event.defaultPrevented, event.returnValue];
    };
    expect(leave()).toEqual([false, false]);
    const release = browserGuards.hold();
    expect(leave()).toEqual([true, true]);
    release();
    expect(leave()).toEqual([false, false]);
    expect(window.count + document.count).toBe(0);
  });

  it("keeps the screen awake, asks again when the page is seen again, and lets go at the end", async () => {
    const release = browserGuards.hold();
    await turn();
    document.visibilityState = "hidden";
    document.dispatchEvent(new Event("visibilitychange"));
    await turn();
    expect(locks).toHaveLength(1);
    document.visibilityState = "visible";
    document.dispatchEvent(new Event("visibilitychange"));
    await turn();
    expect(locks).toHaveLength(2);
    release();
    await turn();
    expect(locks[1]?.isReleased).toBe(true);
  });

  it("gives a lock back that was granted too late", async () => {
    browserGuards.hold()();
    await turn();
    expect(locks.map((lock) => lock.isReleased)).toEqual([true]);
  });

  it("works where there is no wake lock, or it is refused", async () => {
    vi.stubGlobal("navigator", {});
    browserGuards.hold()();
    vi.stubGlobal("navigator", { wakeLock: { request: () => Promise.reject(new Error("battery")) } });
    browserGuards.hold()();
    await turn();
    expect(window.count + document.count).toBe(0);
  });

  it("tells when the page goes for good, not when it may come back", () => {
    const gone = vi.fn();
    const stop = browserGuards.onPageGone(gone);
    window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
    expect(gone).not.toHaveBeenCalled();
    window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
    expect(gone).toHaveBeenCalledOnce();
    stop();
    expect(window.count).toBe(0);
  });
});
