// Accepts files dropped anywhere on the page, and keeps the browser from opening them.
import { useEffect, useEffectEvent, useState } from "react";

export interface Dropped {
  readonly files: readonly File[];
  readonly hasFolder: boolean;
}

/** Return whether files are dragged over the page. If `onDrop` is null, a drop is ignored, but opens no file either. */
export function useFileDrop(onDrop: ((dropped: Dropped) => void) | null): boolean {
  const [isOver, setIsOver] = useState(false);
  const accepting = onDrop !== null;
  const dropped = useEffectEvent((transfer: DataTransfer) => onDrop?.(readDrop(transfer)));

  useEffect(() => {
    // Each element under the pointer fires its own dragenter and dragleave, so count them.
    let depth = 0;
    const settle = (next: number) => {
      depth = Math.max(0, next);
      setIsOver(accepting && depth > 0);
    };
    const listen = (type: DragEventType, handle: (event: DragEvent, transfer: DataTransfer) => void) => {
      const listener = (event: DragEvent) => {
        if (event.dataTransfer?.types.includes("Files")) handle(event, event.dataTransfer);
      };
      window.addEventListener(type, listener);
      return () => window.removeEventListener(type, listener);
    };

    const stops = [
      listen("dragenter", (event) => {
        event.preventDefault();
        settle(depth + 1);
      }),
      listen("dragleave", () => settle(depth - 1)),
      listen("dragover", (event, transfer) => {
        event.preventDefault();
        transfer.dropEffect = accepting ? "copy" : "none";
      }),
      listen("drop", (event, transfer) => {
        event.preventDefault();
        settle(0);
        dropped(transfer);
      }),
    ];
    return () => {
      for (const stop of stops) stop();
      setIsOver(false);
    };
  }, [accepting]);

  return isOver;
}

type DragEventType = "dragenter" | "dragleave" | "dragover" | "drop";

function readDrop(transfer: DataTransfer): Dropped {
  // A folder arrives as an unreadable File. Only its entry shows that it is one.
  const hasFolder = Array.from(transfer.items).some((item) => item.webkitGetAsEntry()?.isDirectory === true);
  return { files: Array.from(transfer.files), hasFolder };
}
