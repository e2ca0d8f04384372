import type { ComponentProps } from "react";
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
