import { cn } from "@/lib/cn";
import { en } from "@/text/en";

export function Wordmark({ className }: { className?: string }) {
  return (
    <span
      translate="no"
      className={cn("inline-flex items-center gap-2.5 font-semibold text-lg tracking-tight", className)}
    >
      <svg viewBox="0 0 32 32" aria-hidden="true" className="size-[1.35em]">
        <rect width="32" height="32" rx="8" className="fill-primary" />
        <g className="fill-primary-foreground">
          <path d="M6.2 13.4 25.6 6.2c.5 6.6-3.1 10.9-8.9 13-3.2 1.2-6.7.7-8.6-1.9Z" />
          <path d="M5.9 25.9a1.5 1.5 0 0 1-1-2.8l20.4-7.6a1.5 1.5 0 1 1 1 2.8Z" opacity="0.55" />
        </g>
      </svg>
      <span>{en.site.name}</span>
    </span>
  );
}
