import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { User } from "@/lib/api/client";
import { CHANNEL, hearOtherTabs, type SignedInId, tellOtherTabs } from "@/lib/session-news";
import { followOtherTab, noteSessionEnded, SESSION_KEY } from "./use-session";
import { videoKeys } from "./video-keys";

const ADA: User = {
  id: "ada",
  email: "ada@example.com",
  full_name: null,
  reserved_bytes: 0,
  quota_bytes: 1024,
  created_at: "2026-01-01T00:00:00Z",
};
const BOB: User = { ...ADA, id: "bob", email: "bob@example.com" };

let client: QueryClient;
let otherTab: BroadcastChannel;
let stop: () => void;

/** The user that the server knows the cookie of. */
let onServer: User | null;
let asked: number;

beforeEach(() => {
  client = new QueryClient();
  otherTab = new BroadcastChannel(CHANNEL);
  asked = 0;
  const observer = new QueryObserver<User | null>(client, {
    queryKey: SESSION_KEY,
    queryFn: () => {
      asked += 1;
      return onServer;
    },
    initialData: ADA,
    staleTime: Number.POSITIVE_INFINITY,
  });
  stop = observer.subscribe(() => undefined);
  client.setQueryData(videoKeys.one("1"), "a video of Ada");
});

afterEach(() => {
  stop();
  otherTab.close();
});

/** Return the next message that the other tab gets. */
function heardByOtherTab(): Promise<unknown> {
  return new Promise((resolve) => {
    otherTab.onmessage = ({ data }) => resolve(data);
  });
}

describe("what another tab tells", () => {
  test("arrives", async () => {
    const heard: SignedInId[] = [];
    const both = new Promise<void>((resolve) => {
      const leave = hearOtherTabs((user) => {
        heard.push(user);
        if (heard.length < 2) return;
        leave();
        resolve();
      });
    });
    otherTab.postMessage(null);
    otherTab.postMessage("bob");
    await both;
    expect(heard).toEqual([null, "bob"]);
  });

  test("leaves the signed-in view and forgets the videos", async () => {
    onServer = null;
    await followOtherTab(client, null);
    expect(client.getQueryData(SESSION_KEY)).toBeNull();
    expect(client.getQueryData(videoKeys.one("1"))).toBeUndefined();
  });

  test("leaves the view before the server answers", () => {
    const views: unknown[] = [];
    client.getQueryCache().subscribe(() => views.push(client.getQueryData(SESSION_KEY)));
    onServer = ADA;
    return followOtherTab(client, null).then(() => {
      expect(views).toContain(null);
      expect(client.getQueryData(SESSION_KEY)).toEqual(ADA);
    });
  });

  test("shows the user who signed in there", async () => {
    onServer = BOB;
    await followOtherTab(client, BOB.id);
    expect(client.getQueryData(SESSION_KEY)).toEqual(BOB);
    expect(client.getQueryData(videoKeys.one("1"))).toBeUndefined();
  });

  test("changes nothing if the same user signed in again", async () => {
    await followOtherTab(client, ADA.id);
    expect(asked).toBe(0);
    expect(client.getQueryData(videoKeys.one("1"))).toBe("a video of Ada");
  });
});

describe("a session that the server ended", () => {
  test("ends in this tab and in the others", async () => {
    const heard = heardByOtherTab();
    noteSessionEnded(client);
    expect(client.getQueryData(SESSION_KEY)).toBeNull();
    expect(await heard).toBeNull();
  });

  test("is told once", async () => {
    const heard: unknown[] = [];
    const last = new Promise<void>((resolve) => {
      otherTab.onmessage = ({ data }) => {
        heard.push(data);
        if (data === "last") resolve();
      };
    });
    noteSessionEnded(client);
    noteSessionEnded(client);
    tellOtherTabs("last");
    await last;
    expect(heard).toEqual([null, "last"]);
  });
});
