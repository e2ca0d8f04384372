// Lets a file be dropped anywhere on the page, and keeps a stray drop from replacing the page by the file.
import { useEffect, useEffectEvent, useState } from "react";

export interface Dropped {
  readonly files: readonly File[];
  readonly hasFolder: boolean;
}

/** True while files are held over the page. With `onDrop` null a drop does nothing, but still opens no file. */
export function useFileDrop(onDrop: ((dropped: Dropped) => void) | null): boolean {
  const [isOver, setIsOver] = useState(false);
  const accepting = onDrop !== null;
  const dropped = useEffectEvent((transfer: DataTransfer) => onDrop?.(readDrop(transfer)));

  useEffect(() => {
    // Each element under the pointer sends its own enter and leave: count them instead of believing one leave.
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
  // A folder arrives as a File that cannot be read; only its entry tells.
  const hasFolder = Array.from(transfer.items).some((item) => item.webkitGetAsEntry()?.isDirectory === true);
  return { files: Array.from(transfer.files), hasFolder };
}
