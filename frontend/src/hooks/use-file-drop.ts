// Accepts what is dropped anywhere on the page, and keeps the browser from opening it.
import { useEffect, useEffectEvent, useState } from "react";

export interface Dropped {
  readonly files: readonly File[];
  readonly hasFolder: boolean;
}

/**
 * Return whether files are dragged over the page. If `onDrop` is null, a drop is ignored, but opens no file either.
 * A drop without a file is passed on too, unless it comes from this page or goes into a text field.
 */
export function useFileDrop(onDrop: ((dropped: Dropped) => void) | null): boolean {
  const [isOver, setIsOver] = useState(false);
  const accepting = onDrop !== null;
  const dropped = useEffectEvent((transfer: DataTransfer) => onDrop?.(readTransfer(transfer)));

  useEffect(() => {
    // Each element under the pointer fires its own dragenter and dragleave, so count them.
    let depth = 0;
    let isOwnDrag = false;
    const settle = (next: number) => {
      depth = Math.max(0, next);
      setIsOver(accepting && depth > 0);
    };
    const listening = new AbortController();
    const { signal } = listening;
    const listen = (type: DragEventType, handle: (event: DragEvent, transfer: DataTransfer) => void) => {
      const listener = (event: DragEvent) => {
        const { dataTransfer: transfer, target } = event;
        if (transfer === null) return;
        if (hasFiles(transfer) || !(isOwnDrag || isTextField(target))) handle(event, transfer);
      };
      window.addEventListener(type, listener, { signal });
    };

    for (const type of ["dragstart", "dragend"]) {
      window.addEventListener(type, () => (isOwnDrag = type === "dragstart"), { signal });
    }
    listen("dragenter", (event, transfer) => {
      event.preventDefault();
      if (hasFiles(transfer)) settle(depth + 1);
    });
    listen("dragleave", () => settle(depth - 1));
    listen("dragover", (event, transfer) => {
      event.preventDefault();
      transfer.dropEffect = accepting ? "copy" : "none";
    });
    listen("drop", (event, transfer) => {
      event.preventDefault();
      settle(0);
      dropped(transfer);
    });
    return () => {
      listening.abort();
      setIsOver(false);
    };
  }, [accepting]);

  return isOver;
}

type DragEventType = "dragenter" | "dragleave" | "dragover" | "drop";

function hasFiles({ types }: DataTransfer): boolean {
  return types.includes("Files");
}

export function isTextField(target: EventTarget | null): boolean {
  return target instanceof Element && target.closest("input, textarea") !== null;
}

export function readTransfer(transfer: DataTransfer): Dropped {
  // A folder arrives as an unreadable File. Only its entry shows that it is one.
  const hasFolder = Array.from(transfer.items).some(
    (item) => item.webkitGetAsEntry?.()?.isDirectory === true,
  );
  return { files: Array.from(transfer.files), hasFolder };
}
