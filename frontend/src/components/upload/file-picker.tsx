// Accepts a dropped or chosen video.
"use client";

import { CloudUpload } from "lucide-react";
import { formatBytes } from "@/lib/format";
import type { UploadPolicy } from "@/lib/upload/types";
import { acceptedNames } from "./accept";
import { ChooseFileButton } from "./choose-file-button";

export function FilePicker({ policy, cancelled }: { policy: UploadPolicy; cancelled?: string }) {
  return (
    <div className="m-2 flex flex-col items-center rounded-lg border border-input border-dashed px-4 py-8 text-center sm:py-10">
      <span className="grid size-12 place-items-center rounded-full bg-primary-soft text-primary">
        <CloudUpload className="size-6" />
      </span>
      <p className="mt-4 font-medium">
        {/* Users of a touch screen cannot drop a file. */}
        <span className="pointer-coarse:hidden">Drop a video anywhere on this page</span>
        <span className="hidden pointer-coarse:inline">Upload a video</span>
      </p>
      <ChooseFileButton policy={policy} className="mt-5">
        Choose a video
      </ChooseFileButton>
      <p className="mt-5 text-muted-foreground text-sm">
        {`${acceptedNames(policy)}, up to ${formatBytes(policy.max_size_bytes)}`}
      </p>
      {cancelled !== undefined && (
        <p className="mt-4 max-w-full truncate text-muted-foreground text-sm">
          <span>The upload of </span>
          <bdi translate="no">{cancelled}</bdi>
          <span> was cancelled.</span>
        </p>
      )}
    </div>
  );
}
