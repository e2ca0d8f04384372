import type { ReactNode } from "react";
import { Card } from "@/components/ui/card";

export function AccountSection({
  title,
  hint,
  children,
}: {
  title: string;
  hint?: string;
  children: ReactNode;
}) {
  return (
    <Card className="p-6">
      <h2 className="font-semibold text-lg">{title}</h2>
      {hint !== undefined && <p className="mt-2 text-muted-foreground text-sm leading-relaxed">{hint}</p>}
      {children}
    </Card>
  );
}
