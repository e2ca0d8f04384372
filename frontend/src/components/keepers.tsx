// Keeps the upload, and removals that can be undone, while somebody who has signed in goes from page to page.
"use client";

import { memo } from "react";
import type { CurrentUpload } from "./upload/current-upload";
import { UploadKeeper } from "./upload/upload-keeper";
import { RemovalKeeper } from "./videos/removal-keeper";
import type { Removals } from "./videos/removals";

export interface KeepersProps {
  readonly onUpload: (current: CurrentUpload) => void;
  readonly onRemovals: (removals: Removals) => void;
}

/** What they tell renders the component above them. Without `memo` they would be rendered again, and tell it again. */
export const Keepers = memo(function Keepers({ onUpload, onRemovals }: KeepersProps) {
  return (
    <>
      <UploadKeeper onChange={onUpload} />
      <RemovalKeeper onChange={onRemovals} />
    </>
  );
});
