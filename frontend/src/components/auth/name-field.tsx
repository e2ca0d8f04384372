import type { ComponentProps, ReactNode } from "react";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";

// The API's limit.
const NAME_MAX = 200;

export function NameField({
  label,
  hint,
  ...props
}: ComponentProps<"input"> & { label: ReactNode; hint?: string }) {
  return (
    <div className="space-y-2">
      <Label htmlFor="full-name">{label}</Label>
      <Input id="full-name" name="full_name" autoComplete="name" maxLength={NAME_MAX} {...props} />
      {hint !== undefined && <p className="text-muted-foreground text-sm">{hint}</p>}
    </div>
  );
}
