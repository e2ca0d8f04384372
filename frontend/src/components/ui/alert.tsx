// Says that something went wrong (read out at once) or deserves a look.
import { cva } from "class-variance-authority";
import { CircleAlert, Info } from "lucide-react";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const alertVariants = cva(
  "flex gap-3 rounded-lg px-4 py-3 text-sm leading-relaxed [&>svg]:mt-0.5 [&>svg]:size-4 [&>svg]:shrink-0",
  {
    variants: {
      tone: {
        danger: "bg-destructive-soft text-destructive",
        warning: "bg-warning-soft text-warning",
        neutral: "bg-muted text-muted-foreground",
      },
    },
  },
);

export function Alert({
  className,
  tone = "danger",
  children,
  ...props
}: ComponentProps<"div"> & { tone?: "danger" | "warning" | "neutral" }) {
  const Icon = tone === "neutral" ? Info : CircleAlert;
  return (
    <div
      data-slot="alert"
      {...(tone === "danger" ? { role: "alert" } : {})}
      className={cn(alertVariants({ tone }), className)}
      {...props}
    >
      <Icon />
      <div className="min-w-0 flex-1 break-words">{children}</div>
    </div>
  );
}
