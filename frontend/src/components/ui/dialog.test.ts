import { createElement, type ReactElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { beforeEach, expect, it, vi } from "vitest";
import { Dialog } from "./dialog";

type Handlers = Record<"onCancel" | "onClose", (event: object) => void>;

const onClose = vi.fn();
const preventDefault = vi.fn();
const currentTarget = { showModal: vi.fn(), querySelector: () => null };

beforeEach(() => vi.clearAllMocks());

/** Return how the dialog answers what the browser tells its element. */
function handlers(shown: { open: boolean; pending: boolean }): Handlers {
  const drawn: ReactElement<Handlers>[] = [];
  const Probe = () => {
    const element = Dialog({ ...shown, onClose, "aria-labelledby": "title" });
    drawn.push(element as ReactElement<Handlers>);
    return element;
  };
  renderToStaticMarkup(createElement(Probe));
  const [element] = drawn;
  if (element === undefined) throw new Error("the dialog was not drawn");
  return element.props;
}

it("stays open while what it asked for is under way", () => {
  const { onCancel, onClose: closed } = handlers({ open: true, pending: true });
  onCancel({ preventDefault });
  expect(preventDefault).toHaveBeenCalled();
  closed({ currentTarget });
  expect(currentTarget.showModal).toHaveBeenCalled();
  expect(onClose).not.toHaveBeenCalled();
});

it.each([
  ["when nothing is under way", { open: true, pending: false }],
  ["when the page closes it", { open: false, pending: true }],
])("closes %s", (_, shown) => {
  const { onCancel, onClose: closed } = handlers(shown);
  if (shown.open) onCancel({ preventDefault });
  expect(preventDefault).not.toHaveBeenCalled();
  closed({ currentTarget });
  expect(currentTarget.showModal).not.toHaveBeenCalled();
  expect(onClose).toHaveBeenCalled();
});
