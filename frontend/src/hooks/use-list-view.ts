// Keeps the search, filter and order of the list in the page's address.
import { useSearchParams } from "next/navigation";
import { useCallback, useMemo } from "react";
import { type ListView, readView, viewPath } from "@/lib/list/view";
import { publicAddress } from "@/lib/public-path";

/** Return the view and a function that changes parts of it. Going back leaves the list, whatever was typed. */
export function useListView(): readonly [ListView, (change: Partial<ListView>) => void] {
  const parameters = useSearchParams();
  const view = useMemo(() => readView(parameters), [parameters]);
  const change = useCallback((changed: Partial<ListView>) => {
    // Several changes may come before the next render.
    const current = readView(new URLSearchParams(location.search));
    history.replaceState(null, "", publicAddress(viewPath({ ...current, ...changed })));
  }, []);
  return [view, change];
}
