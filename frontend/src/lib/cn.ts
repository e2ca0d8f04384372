import { type ClassValue, clsx } from "clsx";

/** Join class names. A class that must win over one of the same property ends with `!`. */
export function cn(...inputs: ClassValue[]): string {
  return clsx(inputs);
}
