// A choice of one from a list, on the native element.
import { ChevronDown } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

export function Select({ className, ...props }: ComponentProps<"select">) {
  return (
    <span className={cn("relative inline-flex min-w-0", className)}>
      <select
        data-slot="select"
        className={cn(
          // 16 px text, because phones zoom into anything smaller.
          "h-11 w-full min-w-0 appearance-none truncate rounded-lg border border-input bg-card ps-3.5 pe-9 text-base sm:text-sm",
          "hover:bg-muted focus-visible:border-ring focus-visible:outline-offset-0",
        )}
        {...props}
      />
      <ChevronDown
        aria-hidden="true"
        className="pointer-events-none absolute end-3 top-1/2 size-4 -translate-y-1/2 text-muted-foreground"
      />
    </span>
  );
}
