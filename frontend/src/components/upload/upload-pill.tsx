// Shows the upload's progress on pages without its card, and links back to it.
"use client";

import { ArrowUp, TriangleAlert } from "lucide-react";
import { Link } from "@/components/site-link";
import { buttonClass } from "@/components/ui/button";
import { forgetPlace } from "@/lib/list/place";
import { isRunning } from "@/lib/upload/rules/upload-state";
import type { UploadState } from "@/lib/upload/types";
import type { VideosText } from "@/text/videos-text";
import { useVideosText } from "@/text/videos-text";
import { useCurrentUpload } from "./current-upload";

export function UploadPill() {
  const t = useVideosText();
  const { state } = useCurrentUpload();
  if (!isRunning(state) && state.status !== "failed") return null;
  const waits = state.status === "failed" || ("waiting" in state && state.waiting !== null);
  const Icon = waits ? TriangleAlert : ArrowUp;
  return (
    <Link
      className={buttonClass({ variant: "secondary", size: "sm" }, "rounded-full! tabular-nums")}
      href="/"
      onClick={forgetPlace}
    >
      <Icon className={waits ? "text-warning" : "text-primary"} />
      <span className="max-sm:sr-only">{pillText(t, state)}</span>
      {state.status === "sending" && (
        // A narrow header has no room for the words, and the narrowest for none.
        <span aria-hidden="true" className="max-[23rem]:hidden sm:hidden">
          {t.format.percent(state.progress.percent)}
        </span>
      )}
    </Link>
  );
}

function pillText({ format, upload: { pill } }: VideosText, state: UploadState): string {
  if (state.status === "failed") return pill.failed;
  if (state.status === "assembling") return pill.assembling;
  return state.status === "sending" ? pill.percent(format.percent(state.progress.percent)) : pill.uploading;
}
