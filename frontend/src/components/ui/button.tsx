// A button, and the classes of a link that looks like one. Every size has a target of at least 44 × 44 px. Forced colours
// show the transparent border.
import { cva, type VariantProps } from "class-variance-authority";
import type { ComponentProps, MouseEvent } from "react";
import { cn } from "@/lib/cn";

const buttonVariants = cva(
  "relative inline-flex shrink-0 select-none items-center justify-center gap-2 whitespace-nowrap rounded-lg font-medium text-sm aria-disabled:cursor-default aria-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0",
  {
    variants: {
      variant: {
        primary: "border border-transparent bg-primary text-primary-foreground hover:bg-primary-hover",
        secondary: "border border-input bg-card hover:bg-muted",
        ghost: "border border-transparent text-muted-foreground hover:bg-muted hover:text-foreground",
        destructive:
          "border border-transparent bg-destructive-solid text-destructive-solid-foreground hover:bg-destructive-solid-hover",
        link: "text-primary underline-offset-4 hover:underline forced-colors:underline",
      },
      // The small sizes reach 44 px with an invisible border.
      size: {
        default: "h-11 px-5",
        sm: "h-9 px-3.5 after:absolute after:-inset-1",
        icon: "size-9 after:absolute after:-inset-1",
        inline: "h-auto p-0 after:absolute after:-inset-x-1 after:-inset-y-3",
      },
    },
    defaultVariants: { variant: "primary", size: "default" },
  },
);

export function buttonClass(variants: VariantProps<typeof buttonVariants> = {}, className?: string): string {
  return cn(buttonVariants(variants), className);
}

export function Button({
  className,
  variant,
  size,
  pending = false,
  ...props
}: Omit<ComponentProps<"button">, "disabled"> &
  VariantProps<typeof buttonVariants> & {
    /** Whether the button does nothing for now. It keeps the focus, which `disabled` would drop to the body. */
    pending?: boolean;
  }) {
  return (
    <button
      data-slot="button"
      // A button without a type would submit the form around it.
      type="button"
      className={buttonClass({ variant, size }, className)}
      {...props}
      // Enter in a field of the form clicks the button too.
      {...(pending
        ? { "aria-disabled": true, onClick: (event: MouseEvent<HTMLElement>) => event.preventDefault() }
        : {})}
    />
  );
}
