// Shows a file name on one line, with the full name as its tooltip, isolated from the text direction around it.
import { cn } from "@/lib/cn";

export function FileName({ name, className }: { name: string; className?: string }) {
  return (
    // The name's direction decides which end is cut off. The name is aligned left in either case.
    <bdi dir="auto" translate="no" title={name} className={cn("block truncate text-left", className)}>
      {name}
    </bdi>
  );
}
