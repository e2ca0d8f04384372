// Accepts a file that is pasted anywhere on the page but into a text field.
import { useEffect, useEffectEvent } from "react";
import { type Dropped, isTextField, readTransfer } from "./use-file-drop";

/** If `onPaste` is null, or the clipboard has no file, the browser does with it what it likes. */
export function useFilePaste(onPaste: ((pasted: Dropped) => void) | null): void {
  const pasted = useEffectEvent((event: ClipboardEvent) => {
    const { clipboardData: transfer, target } = event;
    if (onPaste === null || transfer === null || transfer.files.length === 0 || isTextField(target)) return;
    event.preventDefault();
    onPaste(readTransfer(transfer));
  });
  useEffect(() => {
    const listen = (event: ClipboardEvent) => pasted(event);
    window.addEventListener("paste", listen);
    return () => window.removeEventListener("paste", listen);
  }, []);
}
