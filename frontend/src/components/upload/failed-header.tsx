// Heads the card of an upload that failed, here or on the server.
"use client";

import { X } from "lucide-react";
import { Button } from "@/components/ui/button";
import { FileName } from "@/components/videos/file-name";
import { useText } from "@/text/use-text";

export function FailedHeader({ name, onClose }: { name: string; onClose: () => void }) {
  const texts = useText().upload.failed;
  return (
    <div className="flex items-start justify-between gap-4">
      <div className="min-w-0">
        <p className="text-muted-foreground text-sm">{texts.title}</p>
        <FileName name={name} className="mt-0.5 font-medium text-lg" />
      </div>
      <Button variant="ghost" size="icon" aria-label={texts.close} title={texts.close} onClick={onClose}>
        <X />
      </Button>
    </div>
  );
}
