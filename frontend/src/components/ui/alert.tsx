// A message box. The danger tone is a live region. Forced colours show the transparent border.
import { cva } from "class-variance-authority";
import { CircleAlert } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const alertVariants = cva(
  "flex gap-3 rounded-lg border border-transparent px-4 py-3 text-sm leading-relaxed [&>svg]:mt-0.5 [&>svg]:size-4 [&>svg]:shrink-0",
  {
    variants: {
      tone: {
        danger: "bg-destructive-soft text-destructive",
        warning: "bg-warning-soft text-warning",
      },
    },
  },
);

export function Alert({
  className,
  tone = "danger",
  children,
  ...props
}: ComponentProps<"div"> & { tone?: "danger" | "warning" }) {
  return (
    <div
      data-slot="alert"
      {...(tone === "danger" ? { role: "alert" } : {})}
      className={cn(alertVariants({ tone }), className)}
      {...props}
    >
      <CircleAlert />
      <div className="min-w-0 flex-1 break-words">{children}</div>
    </div>
  );
}
