// A progress bar on the native element; without a value it is indeterminate.
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

export function Progress({
  className,
  value,
  tone = "moving",
  ...props
}: Omit<ComponentProps<"progress">, "value"> & {
  value: number | null;
  tone?: "moving" | "waiting";
  "aria-label": string;
}) {
  return (
    <progress
      data-slot="progress"
      data-tone={tone}
      max={100}
      // React would write value="" for null, which is 0 %, not "unknown".
      {...(value === null ? {} : { value })}
      className={cn("progress-bar", className)}
      {...props}
    />
  );
}
