// On other pages: how far the upload is, and the way back to it.
"use client";

import { ArrowUp, TriangleAlert } from "lucide-react";
import Link from "next/link";
import { usePathname } from "next/navigation";
import { Button } from "@/components/ui/button";
import { isActive } from "@/hooks/use-upload";
import type { UploadState } from "@/lib/upload/types";
import { useCurrentUpload } from "./upload-provider";

export function UploadPill() {
  const { state } = useCurrentUpload();
  const pathname = usePathname();
  if (pathname === "/" || (!isActive(state) && state.status !== "failed")) return null;
  const waits = state.status === "failed" || ("waiting" in state && state.waiting !== null);
  const Icon = waits ? TriangleAlert : ArrowUp;
  return (
    <Button asChild variant="secondary" size="sm" className="rounded-full tabular-nums">
      <Link href="/">
        <Icon className={waits ? "text-warning" : "text-primary"} />
        {pillText(state)}
      </Link>
    </Button>
  );
}

function pillText(state: UploadState): string {
  switch (state.status) {
    case "sending":
      return `Uploading ${state.progress.percent} %`;
    case "assembling":
      return "Assembling";
    case "failed":
      return "Upload failed";
    case "idle":
    case "checking":
    case "starting":
    case "done":
    case "aborted":
      return "Uploading";
    default:
      return state satisfies never;
  }
}
