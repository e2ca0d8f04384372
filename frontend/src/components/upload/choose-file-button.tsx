// Opens the browser's file chooser.
"use client";

import { type ComponentProps, useRef } from "react";
import { Button } from "@/components/ui/button";
import type { UploadPolicy } from "@/lib/upload/types";
import { acceptAttribute } from "./accept";
import { useCurrentUpload } from "./current-upload";

export function ChooseFileButton({
  policy,
  ...props
}: Omit<ComponentProps<typeof Button>, "onClick"> & { policy: UploadPolicy }) {
  const { offer, uploader } = useCurrentUpload();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button
        {...props}
        onClick={() => {
          uploader?.warmUp();
          input.current?.click();
        }}
      />
      {/* On a phone, `capture` would open the camera and not the file chooser. */}
      <input
        ref={input}
        type="file"
        accept={acceptAttribute(policy)}
        tabIndex={-1}
        aria-hidden="true"
        className="sr-only"
        onChange={(event) => {
          const files = Array.from(event.currentTarget.files ?? []);
          // Without this, choosing the same file again would fire no event.
          event.currentTarget.value = "";
          if (files.length > 0) offer({ files, hasFolder: false });
        }}
      />
    </>
  );
}
