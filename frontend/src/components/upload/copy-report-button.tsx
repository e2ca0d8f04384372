// Copies the report on a failed upload. If the clipboard is unavailable, it shows the text to copy.
"use client";

import { Check, Copy } from "lucide-react";
import { useState } from "react";
import { useAnnounce } from "@/components/announcer";
import { Button } from "@/components/ui/button";

type Copied =
  | { readonly kind: "not_yet" }
  | { readonly kind: "copied" }
  | { readonly kind: "by_hand"; report: string };

export function CopyReportButton({ makeReport }: { makeReport: () => string }) {
  const announce = useAnnounce();
  const [copied, setCopied] = useState<Copied>({ kind: "not_yet" });

  async function copy() {
    const report = makeReport();
    try {
      await navigator.clipboard.writeText(report);
      setCopied({ kind: "copied" });
      announce("Report copied.");
    } catch {
      // The clipboard needs https and the user's permission.
      setCopied({ kind: "by_hand", report });
    }
  }

  const Icon = copied.kind === "copied" ? Check : Copy;
  return (
    <>
      <Button variant="ghost" className="max-sm:-ml-3 max-sm:px-3" onClick={() => void copy()}>
        <Icon />
        <span>{copied.kind === "copied" ? "Report copied" : "Copy report"}</span>
      </Button>
      {copied.kind === "by_hand" && (
        <textarea
          readOnly
          rows={8}
          aria-label="Report on the failed upload"
          className="order-last w-full rounded-lg border border-input bg-muted p-3 font-mono text-xs"
          value={copied.report}
          onFocus={(event) => event.currentTarget.select()}
        />
      )}
    </>
  );
}
