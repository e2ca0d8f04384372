import { createElement, type ReactNode } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { expect, it, vi } from "vitest";
import { DeleteAccount } from "./delete-account";

const deletion = vi.hoisted(() => ({ isPending: false, error: null }));

vi.mock("@/hooks/use-account", () => ({ useDeleteAccount: () => deletion }));
vi.mock("@/components/ui/dialog", async (original) => ({
  ...(await original<object>()),
  Dialog: ({ pending, children }: { pending: boolean; children: ReactNode }) =>
    createElement("div", { "data-pending": pending }, children),
}));

it.each([false, true])("keeps the account only before the deletion is sent (sent: %s)", (isSent) => {
  deletion.isPending = isSent;
  const drawn = renderToStaticMarkup(createElement(DeleteAccount));
  const keep = /<button[^>]*>Keep the account/.exec(drawn)?.[0];
  expect(keep).toBeDefined();
  expect(keep?.includes('aria-disabled="true"')).toBe(isSent);
  expect(drawn).toContain(`data-pending="${isSent}"`);
});
