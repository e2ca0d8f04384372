import { X } from "lucide-react";
import { Button } from "./button";

export function CloseButton({
  label,
  className,
  onClick,
}: {
  label: string;
  className?: string;
  onClick: () => void;
}) {
  return (
    <Button
      variant="ghost"
      size="icon"
      className={className}
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      <X />
    </Button>
  );
}
