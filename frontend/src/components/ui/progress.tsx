// A progress bar on the native element. Without a value it is indeterminate.
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
      // For null, React would write value="", which means 0 %.
      {...(value === null ? {} : { value })}
      className={cn("progress-bar", className)}
      {...props}
    />
  );
}
