// Accepts a dropped or chosen video.
"use client";

import { CloudUpload } from "lucide-react";
import type { UploadPolicy } from "@/lib/upload/types";
import { useVideosText } from "@/text/videos-text";
import { acceptedNames } from "./accept";
import { ChooseFileButton } from "./choose-file-button";

export function FilePicker({ policy, cancelled }: { policy: UploadPolicy; cancelled?: string }) {
  const t = useVideosText();
  const texts = t.upload.picker;
  return (
    <div className="m-2 flex flex-col items-center rounded-lg border border-input border-dashed px-4 py-8 text-center sm:py-10">
      <span className="grid size-12 place-items-center rounded-full bg-primary-soft text-primary">
        <CloudUpload className="size-6" />
      </span>
      <p className="mt-4 font-medium">
        {/* Users of a touch screen cannot drop a file. */}
        <span className="pointer-coarse:hidden">{texts.drop}</span>
        <span className="hidden pointer-coarse:inline">{texts.touch}</span>
      </p>
      <ChooseFileButton policy={policy} className="mt-5">
        {texts.choose}
      </ChooseFileButton>
      <p className="mt-5 text-muted-foreground text-sm">
        {texts.limits(acceptedNames(t, policy), t.format.bytes(policy.max_size_bytes))}
      </p>
      {cancelled !== undefined && (
        <p className="mt-4 max-w-full truncate text-muted-foreground text-sm">
          <span>{texts.beforeCancelled}</span>
          <bdi translate="no">{cancelled}</bdi>
          <span>{texts.afterCancelled}</span>
        </p>
      )}
    </div>
  );
}
