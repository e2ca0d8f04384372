// Says which version the page is of. next.config.ts takes it from package.json.
"use client";

import { useText } from "@/text/use-text";

export function SiteFoot() {
  const t = useText();
  return (
    <footer
      translate="no"
      className="noscript:hidden mx-auto w-full max-w-6xl px-4 pb-6 text-muted-foreground text-xs sm:px-6"
    >
      {t.site.version(process.env.SLIPWAY_VERSION ?? "")}
    </footer>
  );
}
