// Shows a file name on one line, isolated from the text direction around it. A long name is cut in its middle.
"use client";

import { useEffect, useEffectEvent, useRef, useState } from "react";
import { cn } from "@/lib/cn";
import { splitName } from "@/lib/split-name";

/** Put it into a link or button, whose focus shows the full name too. */
export function FileName({ name, className }: { name: string; className?: string }) {
  const [start, end] = splitName(name);
  if (end === "") {
    return (
      // The name's direction decides which end is cut off. The name begins where the page's lines begin.
      <bdi dir="auto" translate="no" className={cn("block truncate text-left rtl:text-right", className)}>
        {name}
      </bdi>
    );
  }
  return <CutName name={name} start={start} end={end} className={className} />;
}

function CutName({
  name,
  start,
  end,
  className,
}: {
  name: string;
  start: string;
  end: string;
  className: string | undefined;
}) {
  const whole = useRef<HTMLElement>(null);
  const first = useRef<HTMLSpanElement>(null);
  const [isOpen, setOpen] = useState(false);

  const open = () => {
    const cut = first.current;
    setOpen(cut !== null && cut.scrollWidth > cut.clientWidth);
  };
  const close = () => setOpen(false);
  const onFocus = useEffectEvent(open);

  // The focus is on the link or button around the name.
  useEffect(() => {
    const control = whole.current?.closest("a, button");
    if (control == null) return;
    const show = () => onFocus();
    const hide = () => setOpen(false);
    control.addEventListener("focus", show);
    control.addEventListener("blur", hide);
    return () => {
      control.removeEventListener("focus", show);
      control.removeEventListener("blur", hide);
    };
  }, []);
  useEffect(() => {
    if (!isOpen) return;
    const hide = (event: KeyboardEvent) => event.key === "Escape" && setOpen(false);
    addEventListener("keydown", hide);
    return () => removeEventListener("keydown", hide);
  }, [isOpen]);

  return (
    <bdi
      ref={whole}
      dir="auto"
      translate="no"
      // Above the area that makes a whole row a link.
      className={cn("relative z-1 block text-left rtl:text-right", className)}
      onPointerEnter={open}
      onPointerLeave={close}
    >
      <span className="sr-only">{name}</span>
      <span aria-hidden="true" className="flex">
        <span ref={first} className="truncate">
          {start}
        </span>
        <span className="shrink-0 whitespace-pre">{end}</span>
      </span>
      {isOpen && (
        <span
          aria-hidden="true"
          className="absolute top-full left-0 rtl:right-0 rtl:left-auto z-20 mt-1 w-max max-w-[min(36rem,80vw)] break-words rounded-lg border bg-card px-3 py-2 font-normal text-foreground text-sm shadow-lg"
        >
          {name}
        </span>
      )}
    </bdi>
  );
}
