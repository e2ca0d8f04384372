// Shows the upload's progress on other pages and links back to it.
"use client";

import { ArrowUp, TriangleAlert } from "lucide-react";
import { Link } from "@/components/site-link";
import { Button } from "@/components/ui/button";
import { usePathname } from "@/hooks/use-site-navigation";
import { isRunning } from "@/lib/upload/rules/upload-state";
import type { UploadState } from "@/lib/upload/types";
import { useCurrentUpload } from "./upload-provider";

export function UploadPill() {
  const { state } = useCurrentUpload();
  const pathname = usePathname();
  if (pathname === "/" || (!isRunning(state) && state.status !== "failed")) return null;
  const waits = state.status === "failed" || ("waiting" in state && state.waiting !== null);
  const Icon = waits ? TriangleAlert : ArrowUp;
  return (
    <Button asChild variant="secondary" size="sm" className="rounded-full tabular-nums">
      <Link href="/">
        <Icon className={waits ? "text-warning" : "text-primary"} />
        <span>{pillText(state)}</span>
      </Link>
    </Button>
  );
}

function pillText(state: UploadState): string {
  if (state.status === "failed") return "Upload failed";
  if (state.status === "assembling") return "Assembling";
  return state.status === "sending" ? `Uploading ${state.progress.percent} %` : "Uploading";
}
