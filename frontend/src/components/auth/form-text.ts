// Reads a text field out of a submitted form.

/** Forms are read when submitted, not typed into state: what a password manager filled in counts too. */
export function formText(form: FormData, name: string): string {
  const value = form.get(name);
  return typeof value === "string" ? value : "";
}
