// Contains the e-mail field of the sign-in forms and reads the forms.

import type { ComponentProps, FormEvent } from "react";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useText } from "@/text/use-text";

export function EmailField({ id, ...props }: ComponentProps<"input"> & { id: string }) {
  const t = useText();
  return (
    <div className="space-y-2">
      <Label htmlFor={id}>{t.auth.email}</Label>
      <Input
        id={id}
        name="email"
        type="email"
        autoComplete="username"
        inputMode="email"
        required
        {...props}
      />
    </div>
  );
}

/** Read the form on submit, because a password manager may fill in fields without any typing event. */
export function readForm(event: FormEvent<HTMLFormElement>) {
  event.preventDefault();
  const fields = new FormData(event.currentTarget);
  const text = (name: string) => String(fields.get(name) ?? "");
  return { email: text("email").trim(), password: text("password"), fullName: text("full_name").trim() };
}
