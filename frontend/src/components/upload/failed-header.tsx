// Heads the card of an upload that failed, here or on the server.
"use client";

import { CloseButton } from "@/components/ui/close-button";
import { FileName } from "@/components/videos/file-name";
import { useVideosText } from "@/text/videos-text";

export function FailedHeader({
  name,
  mayBeComplete = false,
  onClose,
}: {
  name: string;
  mayBeComplete?: boolean;
  onClose: () => void;
}) {
  const texts = useVideosText().upload.failed;
  return (
    <div className="flex items-start justify-between gap-4">
      <div className="min-w-0">
        <p className="text-muted-foreground text-sm">
          {mayBeComplete ? texts.unconfirmedTitle : texts.title}
        </p>
        <FileName name={name} className="mt-0.5 font-medium text-lg" />
      </div>
      <CloseButton label={texts.close} onClick={onClose} />
    </div>
  );
}
