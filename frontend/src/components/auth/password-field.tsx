// A password field with a button that shows the text. Pasting and password managers work.
"use client";

import { Eye, EyeOff } from "lucide-react";
import { type ComponentProps, useState } from "react";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

export function PasswordField({
  id,
  hint,
  ...props
}: Omit<ComponentProps<"input">, "type"> & {
  id: string;
  hint?: string;
  autoComplete: "current-password" | "new-password";
  "data-autofocus"?: boolean;
}) {
  const [shown, setShown] = useState(false);
  const Icon = shown ? EyeOff : Eye;
  return (
    <div className="space-y-2">
      <Label htmlFor={id}>Password</Label>
      <div className="relative">
        <Input
          id={id}
          name="password"
          required
          type={shown ? "text" : "password"}
          className="pr-12"
          autoCapitalize="none"
          autoCorrect="off"
          spellCheck={false}
          {...(hint === undefined ? {} : { "aria-describedby": `${id}-hint` })}
          {...props}
        />
        <button
          type="button"
          aria-pressed={shown}
          aria-label="Show password"
          className="absolute inset-y-0 right-0 grid w-11 place-items-center rounded-lg text-muted-foreground hover:text-foreground"
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
