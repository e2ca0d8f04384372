// A file's own name: cut to the line, whole in the tooltip, and unable to turn the text around it.
import { cn } from "@/lib/cn";

export function FileName({ name, className }: { name: string; className?: string }) {
  return (
    // The name's own direction decides which end is cut; it stands on the left whatever it is.
    <bdi dir="auto" title={name} className={cn("block truncate text-left", className)}>
      {name}
    </bdi>
  );
}
