// Sets the language, font, theme and providers of every page.
import { GeistSans } from "geist/font/sans";
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { BrowserNotice } from "@/components/browser-notice";
import { Providers } from "@/components/providers";
import { en } from "@/text/en";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: en.site.name, template: `%s – ${en.site.name}` },
  description: en.site.description,
};

export const viewport: Viewport = { colorScheme: "light dark" };

export default function RootLayout({ children }: { children: ReactNode }) {
  return (
    // A script sets the theme's class before React hydrates.
    <html lang="en" className={GeistSans.variable} suppressHydrationWarning>
      <body className="min-h-dvh font-sans">
        <BrowserNotice />
        <Providers>{children}</Providers>
      </body>
    </html>
  );
}
