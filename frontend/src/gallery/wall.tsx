// Draws several states side by side.
import { Children, type ReactNode } from "react";

export function Wall({ children }: { children: ReactNode }) {
  return <div className="gallery-wall">{Children.toArray(children)}</div>;
}

/** Draw what is fixed to the window. */
export function Box({ children }: { children: ReactNode }) {
  return <div className="gallery-box">{children}</div>;
}
