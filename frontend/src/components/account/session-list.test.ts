import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { type ComponentProps, createElement, type MouseEvent } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { afterEach, expect, it, vi } from "vitest";
import type { Button } from "@/components/ui/button";
import { SESSIONS } from "@/gallery/examples";
import { SESSIONS_KEY } from "@/hooks/use-account";
import { SessionList } from "./session-list";

const END_OTHERS = "End all other sessions";

const { announce, buttons } = vi.hoisted(() => ({
  announce: vi.fn(),
  buttons: new Map<unknown, ComponentProps<typeof Button>["onClick"]>(),
}));

vi.mock("@/components/announcer", () => ({ useAnnounce: () => announce }));
vi.mock("@/hooks/use-account", async (original) => ({
  ...(await original<object>()),
  useEndSession: () => ({
    error: null,
    isPending: false,
    mutate: (_: unknown, { onSuccess }: { onSuccess: () => void }) => onSuccess(),
  }),
}));
vi.mock("@/components/ui/button", async (original) => {
  const { Button: Drawn } = await original<{ Button: typeof Button }>();
  return {
    Button: (props: ComponentProps<typeof Button>) => {
      buttons.set(props.children, props.onClick);
      return createElement(Drawn, props);
    },
  };
});

afterEach(() => {
  vi.clearAllMocks();
  vi.unstubAllGlobals();
});

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

it("keeps the focus in the list when the button that had it goes", () => {
  // The focus keeper looks for this.
  expect(drawn(SESSIONS)).toMatch(/<form[^>]* aria-label="Where you are signed in" tabindex="-1"/);
});

it.each([
  [END_OTHERS, "Your other sessions have ended."],
  ["End", "The session has ended."],
])("announces what “%s” did", (button, told) => {
  vi.stubGlobal("FormData", Map);
  drawn(SESSIONS);
  const form = { reportValidity: () => true, reset: vi.fn(), [Symbol.iterator]: () => [].values() };
  buttons.get(button)?.({ currentTarget: { form } } as unknown as MouseEvent<HTMLButtonElement>);
  expect(announce.mock.calls).toEqual([[told]]);
  expect(form.reset).toHaveBeenCalledOnce();
});
