import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { makeVideo } from "@/gallery/examples";
import { SESSION_KEY } from "@/hooks/use-session";
import { makeRemover } from "./removal-keeper";

beforeEach(() => void vi.useFakeTimers());

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it.each([1500, 5000, 19_000])(
  "learns of the space that is freed %i ms after the time to undo",
  async (ms) => {
    const client = new QueryClient();
    let used = 5;
    const session = new QueryObserver(client, { queryKey: SESSION_KEY, queryFn: () => used });
    session.subscribe(() => {});
    vi.stubGlobal("fetch", async () => Response.json({ ids: [], undo_seconds: 10 }));
    await makeRemover(client).remove([makeVideo()]);

    await vi.advanceTimersByTimeAsync(10_000 + ms);
    used = 0;
    expect(session.getCurrentResult().data).toBe(5);
    await vi.advanceTimersByTimeAsync(1000);
    expect(session.getCurrentResult().data).toBe(0);
  },
);
