import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { afterEach, expect, it, vi } from "vitest";
import { SESSIONS_KEY, useEndSession } from "./use-account";

afterEach(() => vi.unstubAllGlobals());

it.each([
  ["it ended", new Response(null, { status: 204 })],
  ["it had ended already", Response.json({ code: "not_found", detail: "-" }, { status: 404 })],
])("lists the sessions anew when %s", async (_, answer) => {
  vi.stubGlobal("fetch", () => Promise.resolve(answer));
  const client = new QueryClient();
  client.setQueryData(SESSIONS_KEY, []);
  const drawn: ReturnType<typeof useEndSession>[] = [];
  const Probe = () => {
    drawn.push(useEndSession());
    return null;
  };
  renderToStaticMarkup(createElement(QueryClientProvider, { client }, createElement(Probe)));
  await drawn[0]?.mutateAsync({ id: "s1", password: "a quiet harbour" }).catch(() => {});
  expect(client.getQueryState(SESSIONS_KEY)?.isInvalidated).toBe(true);
});
