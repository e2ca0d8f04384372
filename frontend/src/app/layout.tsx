// Sets the language, font, theme and providers of every page.
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { BrowserNotice } from "@/components/browser-notice";
import { Providers } from "@/components/providers";
import { en } from "@/text/en";
import { LANGUAGE_SCRIPT } from "@/text/language-script";
import { FONT_CLASSES } from "./font";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: en.site.name, template: `%s – ${en.site.name}` },
  description: en.site.description,
};

export const viewport: Viewport = { colorScheme: "light dark" };

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    // Scripts set the language, and the theme's class, before React hydrates.
    <html lang="en" dir="ltr" className={FONT_CLASSES} suppressHydrationWarning>
      <head>
        {/* biome-ignore lint/security/noDangerouslySetInnerHtml: the script is a constant, and the CSP has its hash. */}
        <script dangerouslySetInnerHTML={{ __html: LANGUAGE_SCRIPT }} />
      </head>
      <body className="min-h-dvh font-sans">
        <BrowserNotice />
        <Providers>{children}</Providers>
      </body>
    </html>
  );
}
