// Replaces the root layout if it fails. Next's own page has inline styles, which the CSP refuses.
"use client";

import { LANGUAGES } from "@/text/languages";
import { useText } from "@/text/use-text";
import "./globals.css";

export default function GlobalError() {
  const t = useText();
  return (
    <html lang={t.language} dir={LANGUAGES[t.language].direction}>
      <body className="min-h-dvh font-sans">
        <title>{t.site.name}</title>
        <main className="mx-auto flex min-h-dvh max-w-md flex-col items-center justify-center px-4 text-center">
          <h1 className="font-semibold text-2xl tracking-tight">{t.site.failed.title}</h1>
          <p className="mt-3 text-muted-foreground leading-relaxed">{t.site.failed.site}</p>
        </main>
      </body>
    </html>
  );
}
