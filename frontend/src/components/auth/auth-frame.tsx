// Lays out the sign-in and registration pages.
"use client";

import type { ReactNode } from "react";
import { NeedsJavaScript } from "@/components/needs-javascript";
import { ThemeToggle } from "@/components/theme-toggle";
import { Card } from "@/components/ui/card";
import { Wordmark } from "@/components/wordmark";
import { useText } from "@/text/use-text";

export function AuthFrame({
  title,
  text,
  children,
  footer,
}: {
  title: string;
  text: ReactNode;
  children: ReactNode;
  footer: ReactNode;
}) {
  const t = useText();
  return (
    <div className="flex min-h-dvh flex-col">
      <NeedsJavaScript text={t.site.needsJavaScript.form} />
      <div className="flex justify-end p-4">
        <ThemeToggle />
      </div>
      <main className="mx-auto flex w-full max-w-md flex-1 flex-col justify-center px-4 pb-28">
        <div className="mb-8 flex justify-center">
          <Wordmark className="text-2xl!" />
        </div>
        <Card className="p-6 sm:p-8">
          <h1 className="font-semibold text-2xl tracking-tight">{title}</h1>
          <p className="mt-2 mb-6 text-muted-foreground text-sm leading-relaxed">{text}</p>
          {children}
        </Card>
        <div className="mt-6 text-center text-muted-foreground text-sm">{footer}</div>
      </main>
    </div>
  );
}
