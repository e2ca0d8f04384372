// What the gallery knows of a scene, and how a person acts in it.
import type { ComponentType } from "react";
import type { Answers } from "./answers";

export interface Scene {
  readonly Draw: ComponentType;
  /** What the page's address has after the scene's name, for example a search. */
  readonly query?: Readonly<Record<string, string>>;
  /** What the API answers. All other requests wait for ever, which is how pages load. */
  readonly answers?: Answers;
  /** What a person does before the scene is complete. */
  readonly act?: () => Promise<void>;
}

/** Return the element, once it is there. */
export async function there<E extends HTMLElement = HTMLElement>(selector: string): Promise<E> {
  for (;;) {
    const found = document.querySelector<E>(selector);
    if (found !== null) return found;
    await new Promise(requestAnimationFrame);
  }
}

export async function click(selector: string): Promise<void> {
  (await there(selector)).click();
}

export async function fill(selector: string, text: string): Promise<void> {
  (await there<HTMLInputElement>(selector)).value = text;
}
