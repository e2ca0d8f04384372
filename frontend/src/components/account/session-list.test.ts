import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it } from "vitest";
import { SESSIONS } from "@/gallery/examples";
import { SESSIONS_KEY } from "@/hooks/use-account";
import { SessionList } from "./session-list";

const END_OTHERS = "End all other sessions";

function drawn(sessions: typeof SESSIONS): string {
  const client = new QueryClient();
  client.setQueryData(SESSIONS_KEY, sessions);
  return renderToStaticMarkup(createElement(QueryClientProvider, { client }, createElement(SessionList)));
}

it("has no button that Enter in the field would press", () => {
  const list = drawn(SESSIONS);
  expect(list).toContain(END_OTHERS);
  expect(list).toContain('type="password"');
  expect(list).not.toContain('type="submit"');
});

it("offers nothing to end if there is no other session", () => {
  const list = drawn(SESSIONS.filter(({ current }) => current));
  expect(list).toContain("This session");
  expect(list).not.toContain(END_OTHERS);
  expect(list).not.toContain('type="password"');
});
