// Keeps the focus when its element is removed. The browser would drop it to the body, and a keyboard would begin anew.
"use client";

import { useEffect } from "react";
import { usePathname } from "@/hooks/use-site-navigation";

/** An element that takes the focus for what it contains has `tabIndex={-1}`. Without one, the heading takes it. */
const TAKES_FOCUS = "[tabindex='-1']:not(dialog *)";

export function FocusKeeper() {
  const pathname = usePathname();

  useEffect(() => {
    const listening = new AbortController();
    /** The focused element and what is around it. */
    let chain: readonly Element[] = [];
    const note = ({ target }: FocusEvent) => {
      chain = target instanceof Element ? withAncestors(target) : [];
    };
    const keep = () => {
      const [focused, ...around] = chain;
      if (focused === undefined || focused.isConnected || document.activeElement !== document.body) return;
      const home = around.find((element) => element.isConnected && element.matches(TAKES_FOCUS));
      focusQuietly(home ?? document.querySelector("h1"));
    };
    addEventListener("focusin", note, { signal: listening.signal });
    // Who clicks beside everything wants no focus.
    addEventListener("pointerdown", () => (chain = []), { signal: listening.signal, capture: true });
    const observer = new MutationObserver(keep);
    observer.observe(document.body, { childList: true, subtree: true });
    return () => {
      listening.abort();
      observer.disconnect();
    };
  }, []);

  useEffect(() => {
    if (pathname === lastPathname) return;
    const isFirst = lastPathname === null;
    lastPathname = pathname;
    // Safari gives links that are clicked no focus.
    if (!isFirst && document.activeElement === document.body) focusQuietly(document.querySelector("h1"));
  }, [pathname]);

  return null;
}

/** Where the person is. It is null until the first page is shown, which leaves the focus to the browser. */
let lastPathname: string | null = null;

function withAncestors(element: Element): Element[] {
  const chain: Element[] = [];
  for (let at: Element | null = element; at !== null; at = at.parentElement) chain.push(at);
  return chain;
}

function focusQuietly(element: Element | null): void {
  if (!(element instanceof HTMLElement)) return;
  if (!element.hasAttribute("tabindex")) element.tabIndex = -1;
  element.focus({ preventScroll: true });
}
