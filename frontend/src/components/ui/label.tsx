import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

export function Label({ className, htmlFor, ...props }: ComponentProps<"label"> & { htmlFor: string }) {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: `htmlFor` is required by the type; the text comes with the props.
    <label
      data-slot="label"
      htmlFor={htmlFor}
      className={cn("block font-medium text-sm", className)}
      {...props}
    />
  );
}
