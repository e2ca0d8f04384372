// Gives components what this page removed, and a way to remove more.
import { createContext, useContext } from "react";
import type { Video } from "@/lib/api/client";

export interface Removals {
  /** The videos that this page removed. A list that was asked for before still has them. */
  readonly removed: ReadonlySet<string>;
  /** Hide these videos at once, and offer to bring them back. */
  readonly remove: (videos: readonly Video[]) => void;
}

export const NO_REMOVALS: Removals = { removed: new Set(), remove: () => {} };

export const RemovalContext = createContext(NO_REMOVALS);

export function useRemovals(): Removals {
  return useContext(RemovalContext);
}
