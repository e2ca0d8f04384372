// A text field with 16 px text, because phones zoom into anything smaller.
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

export function Input({ className, ...props }: ComponentProps<"input">) {
  return (
    <input
      data-slot="input"
      className={cn(
        "h-11 w-full min-w-0 rounded-lg border border-input bg-card px-3.5 text-base",
        "placeholder:text-muted-foreground disabled:opacity-50 aria-invalid:border-destructive",
        "focus-visible:border-ring focus-visible:outline-offset-0",
        className,
      )}
      {...props}
    />
  );
}
