// A password field with a button that shows the text. Pasting and password managers work.
"use client";

import { Eye, EyeOff } from "lucide-react";
import { type ComponentProps, useState } from "react";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useText } from "@/text/use-text";

// The API's limits. It also refuses common passwords.
export const PASSWORD_MIN = 8;
export const PASSWORD_MAX = 128;

export function PasswordField({
  id,
  label,
  hint,
  "aria-describedby": describedBy,
  ...props
}: Omit<ComponentProps<"input">, "type"> & {
  id: string;
  label?: string;
  hint?: string;
  autoComplete: "current-password" | "new-password";
  "data-autofocus"?: boolean;
}) {
  const t = useText();
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <div className="space-y-2">
      <Label htmlFor={id}>{label ?? t.auth.password}</Label>
      <div className="relative">
        <Input
          id={id}
          name="password"
          required
          type={shown ? "text" : "password"}
          className="pe-12!"
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          {...props}
          aria-describedby={[describedBy, hint && `${id}-hint`].filter(Boolean).join(" ") || undefined}
        />
        <button
          type="button"
          aria-pressed={shown}
          aria-label={t.auth.showPassword}
          className="absolute inset-y-0 end-0 grid w-11 place-items-center rounded-lg text-muted-foreground hover:text-foreground"
          onClick={() => setShown(!shown)}
        >
          <Icon className="size-4" />
        </button>
      </div>
      {hint !== undefined && (
        <p id={`${id}-hint`} className="text-muted-foreground text-sm">
          {hint}
        </p>
      )}
    </div>
  );
}
