// A modal dialog on the native element. The browser handles focus, Escape and the inert page behind it.
"use client";

import { type ComponentProps, useEffect, useRef } from "react";
import { cn } from "@/lib/cn";

/**
 * Keep the dialog mounted and change `open`, because a dialog that is removed while open does not restore the focus.
 * `data-autofocus` marks the control that gets the focus first.
 */
export function Dialog({
  open,
  pending = false,
  onClose,
  className,
  children,
  ...props
}: Omit<ComponentProps<"dialog">, "open" | "onClose"> & {
  open: boolean;
  /** Whether what the dialog asked for is under way, so that closing it would not stop it. */
  pending?: boolean;
  onClose: () => void;
  "aria-labelledby": string;
}) {
  const ref = useRef<HTMLDialogElement>(null);

  useEffect(() => {
    const dialog = ref.current;
    if (dialog === null || dialog.open === open) return;
    if (open) show(dialog);
    else dialog.close();
  }, [open]);

  return (
    <dialog
      ref={ref}
      data-slot="dialog"
      onCancel={(event) => pending && event.preventDefault()}
      // Some browsers close it at the second Escape, whatever the page says.
      onClose={({ currentTarget }) => (open && pending ? show(currentTarget) : onClose())}
      className={cn(
        "m-auto w-[min(28rem,calc(100vw-2rem))] rounded-xl border bg-card p-6 text-foreground shadow-xl",
        "backdrop:bg-black/40 dark:backdrop:bg-black/60",
        className,
      )}
      {...props}
    >
      {open ? children : null}
    </dialog>
  );
}

function show(dialog: HTMLDialogElement): void {
  dialog.showModal();
  // The browser focuses the first control, because React's autoFocus leaves no attribute.
  dialog.querySelector<HTMLElement>("[data-autofocus]")?.focus();
}

export function DialogTitle({ className, children, ...props }: ComponentProps<"h2"> & { id: string }) {
  return (
    <h2 data-slot="dialog-title" className={cn("font-semibold text-lg tracking-tight", className)} {...props}>
      {children}
    </h2>
  );
}

export function DialogActions({ className, ...props }: ComponentProps<"div">) {
  return (
    <div
      data-slot="dialog-actions"
      className={cn("mt-6 flex flex-col-reverse gap-3 sm:flex-row sm:flex-wrap sm:justify-end", className)}
      {...props}
    />
  );
}
