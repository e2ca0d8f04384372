import { expect, it } from "vitest";
import { makeVideo } from "@/lib/upload/testing";
import { collectData } from "./export-data";

const video = (id: string) => ({
  ...makeVideo(id, { filename: `${id}.mp4`, size_bytes: 5, content_type: "video/mp4" }, "ready"),
  delivery_url: "https://store.invalid/secret",
});
const page = (ids: string[], next_cursor: string | null) => ({
  items: ids.map(video),
  next_cursor,
  count: null,
  count_is_exact: null,
  as_of: "2026-01-01T00:00:00Z",
});

it("collects account, sessions and every video once, without links", async () => {
  const pages = new Map([
    [null as string | null, page(["a", "b"], "more")],
    ["more", page(["b", "c"], null)],
  ]);
  const counts: number[] = [];
  const text = await collectData((count) => counts.push(count), new AbortController().signal, {
    me: async () => ({
      id: "u",
      email: "a@example.com",
      full_name: null,
      reserved_bytes: 0,
      quota_bytes: 1,
      created_at: "",
    }),
    listSessions: async () => [],
    listVideos: async (_, cursor) => pages.get(cursor) ?? page([], null),
  });
  const data = JSON.parse(text);
  expect(data.account.email).toBe("a@example.com");
  expect(
    data.videos.map(({ original_filename }: { original_filename: string }) => original_filename),
  ).toEqual(["a.mp4", "b.mp4", "c.mp4"]);
  expect(text).not.toContain("secret");
  expect(counts).toEqual([2, 3]);
});
