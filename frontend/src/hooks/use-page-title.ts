import { useEffect } from "react";
import { setTitle } from "@/lib/page-title";

/** Name what the page shows in the document's title. */
export function useNameInTitle(name: string): void {
  useEffect(() => {
    setTitle({ name });
    return () => setTitle({ name: null });
  }, [name]);
}

/** State what the upload does in the document's title. */
export function useMarkInTitle(mark: string | null): void {
  useEffect(() => {
    setTitle({ mark });
    return () => setTitle({ mark: null });
  }, [mark]);
}
