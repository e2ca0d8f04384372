// Reads the fields of a form. A password manager may fill them without any typing event, so they are read on submit.
import type { FormEvent } from "react";

/** Keep the browser from sending the form, and return a function that reads a field by its name. */
export function submittedFields(event: FormEvent<HTMLFormElement>): (name: string) => string {
  event.preventDefault();
  const fields = new FormData(event.currentTarget);
  return (name) => String(fields.get(name) ?? "");
}
