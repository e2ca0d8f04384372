// Contains the page's one polite live region.
"use client";

import { createContext, type ReactNode, useContext, useState } from "react";

const AnnounceContext = createContext<(text: string) => void>(() => {});

export function Announcer({ children }: { children: ReactNode }) {
  const [text, setText] = useState("");
  return (
    <AnnounceContext value={setText}>
      {children}
      <p role="status" className="sr-only">
        {text}
      </p>
    </AnnounceContext>
  );
}

/** Return a function that announces a text to screen readers. */
export function useAnnounce(): (text: string) => void {
  return useContext(AnnounceContext);
}
