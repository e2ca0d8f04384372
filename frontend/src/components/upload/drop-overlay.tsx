// Covers the page while the user drags a file over it.

import { CircleAlert, CloudUpload } from "lucide-react";
import { useVideosText } from "@/text/videos-text";

export function DropOverlay({ busy }: { busy: boolean }) {
  const texts = useVideosText().upload.overlay;
  const Icon = busy ? CircleAlert : CloudUpload;
  return (
    // The page below handles the drag events.
    <div
      aria-hidden="true"
      className="pointer-events-none fixed inset-0 z-50 grid place-items-center bg-background/80 p-4 backdrop-blur-sm"
    >
      <div className="flex h-full w-full flex-col items-center justify-center gap-4 rounded-2xl border-2 border-primary border-dashed bg-primary-soft/60">
        <Icon className="size-10 text-primary" />
        <p className="px-6 text-center font-semibold text-xl tracking-tight">
          {busy ? texts.busy : texts.drop}
        </p>
      </div>
    </div>
  );
}
