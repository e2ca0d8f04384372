import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import { makeVideo } from "@/gallery/examples";
import { ApiError } from "@/lib/api/errors";
import type { Partly } from "@/lib/list/remover";
import { RemovalNotice } from "./removal-notice";

const VIDEOS = Array.from({ length: 150 }, (_, index) => makeVideo({ id: `v${index}` }));

function drawn(error: Partly): string {
  const removal = { status: "removed", videos: VIDEOS, until: 0, error } as const;
  return renderToStaticMarkup(createElement(RemovalNotice, { removal, onUndo: () => {}, onEnd: () => {} }));
}

it.each([
  [
    "the reason",
    new ApiError(429, "rate_limited"),
    "Deleted, but this failed for 50 videos. Too many requests.",
  ],
  ["no reason, because the sign-in tells it", null, "Deleted, but this failed for 50 videos.</p>"],
])("says which part was not removed, with %s, and offers Undo", (_, why, sentence) => {
  const notice = drawn({ kept: 50, why });
  expect(notice).toContain(">150 videos</p>");
  expect(notice).toMatch(new RegExp(`<p role="alert"[^>]*>${sentence}`));
  expect(notice).toContain("<span>Undo</span>");
});

it("can take the focus when Undo goes", () => {
  // The focus keeper looks for this.
  expect(drawn({ kept: 50, why: null })).toMatch(/^<section[^>]* tabindex="-1"/);
});
