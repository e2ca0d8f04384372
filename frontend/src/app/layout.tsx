// Sets the language, font, theme and providers of every page.
import { GeistSans } from "geist/font/sans";
import type { Metadata, Viewport } from "next";
import type { ReactNode } from "react";
import { BrowserNotice } from "@/components/browser-notice";
import { Providers } from "@/components/providers";
import "./globals.css";

export const metadata: Metadata = {
  title: { default: "Slipway", template: "%s – Slipway" },
  description: "Upload videos straight to storage and see what is in them.",
};

export const viewport: Viewport = {
  colorScheme: "light dark",
  themeColor: [
    { media: "(prefers-color-scheme: light)", color: "#f9fafb" },
    { media: "(prefers-color-scheme: dark)", color: "#0c0f13" },
  ],
};

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
