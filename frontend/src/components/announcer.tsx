// The page's one polite live region: what changes without a press of a key is said here.
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

/** Says `text` to people who hear the page. */
export function useAnnounce(): (text: string) => void {
  return useContext(AnnounceContext);
}
