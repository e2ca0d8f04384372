// Copies a text. If the clipboard is unavailable, it shows the text to copy.
"use client";

import { Check, Copy } from "lucide-react";
import { type ComponentProps, useState } from "react";
import { useAnnounce } from "@/components/announcer";
import { Button } from "@/components/ui/button";

type Copied =
  | { readonly kind: "not_yet" }
  | { readonly kind: "copied" }
  | { readonly kind: "by_hand"; text: string };

export function CopyButton({
  makeText,
  texts,
  rows = 1,
  ...props
}: Omit<ComponentProps<typeof Button>, "onClick" | "children"> & {
  makeText: () => string;
  /** `label` names the field to copy from by hand. */
  texts: { readonly copy: string; readonly copied: string; readonly label: string };
  rows?: number;
}) {
  const announce = useAnnounce();
  const [copied, setCopied] = useState<Copied>({ kind: "not_yet" });

  async function copy() {
    const text = makeText();
    try {
      await navigator.clipboard.writeText(text);
      setCopied({ kind: "copied" });
      announce(texts.copied);
    } catch {
      // The clipboard needs https and the user's permission.
      setCopied({ kind: "by_hand", text });
    }
  }

  const Icon = copied.kind === "copied" ? Check : Copy;
  return (
    <>
      <Button {...props} onClick={() => void copy()}>
        <Icon />
        <span>{copied.kind === "copied" ? texts.copied : texts.copy}</span>
      </Button>
      {copied.kind === "by_hand" && (
        <textarea
          readOnly
          rows={rows}
          aria-label={texts.label}
          className="order-last w-full rounded-lg border border-input bg-muted p-3 font-mono text-xs"
          value={copied.text}
          onFocus={(event) => event.currentTarget.select()}
        />
      )}
    </>
  );
}
