// Acts on the chosen videos. It stays at the bottom of the window while the list scrolls.
"use client";

import { Trash2 } from "lucide-react";
import { Button } from "@/components/ui/button";
import { CloseButton } from "@/components/ui/close-button";
import type { Selection } from "@/hooks/use-selection";
import { useVideosText } from "@/text/videos-text";

export function SelectionBar({ selection, onDelete }: { selection: Selection; onDelete: () => void }) {
  const t = useVideosText();
  const texts = t.videos.selection;
  const count = selection.chosen.length;
  return (
    <section
      aria-label={texts.title}
      data-slot="selection-bar"
      className="sticky bottom-4 z-20 mx-auto mt-4 flex w-fit max-w-full flex-wrap items-center gap-2 rounded-xl border bg-card py-2 ps-4 pe-2 text-sm shadow-xl"
    >
      <p role="status" className="me-2 font-medium tabular-nums max-sm:me-0 max-sm:basis-[calc(100%-3rem)]">
        {texts.count(t.format.number(count))}
      </p>
      <Button variant="ghost" size="sm" className="max-sm:order-1" onClick={selection.chooseAll}>
        {texts.all}
      </Button>
      <Button
        variant="secondary"
        size="sm"
        className="text-destructive max-sm:order-1"
        aria-disabled={count === 0}
        onClick={() => count > 0 && onDelete()}
      >
        <Trash2 />
        <span>{t.videos.delete.button}</span>
      </Button>
      <CloseButton label={texts.clear} onClick={selection.close} />
    </section>
  );
}
