// Tells people whose browser is too old, or runs no scripts, what Slipway needs.
import { joinWithOr } from "@/lib/format";
import { browserslist } from "../../package.json";

// A browser below the floors can't parse the static block (Safari 16.4), or lacks oklch (Chrome 111) or the interface
// of @property (Firefox 128).
const MARK_SUPPORTED =
  '(class{static{self.CSSPropertyRule&&CSS.supports("color","oklch(0 0 0)")&&(document.documentElement.dataset.browser="supported")}})';

export function BrowserNotice() {
  const oldest = browserslist.map((name) => name.charAt(0).toUpperCase() + name.slice(1));
  return (
    <>
      {/* biome-ignore lint/security/noDangerouslySetInnerHtml: the script is a constant, and the CSP has its hash. */}
      <script dangerouslySetInnerHTML={{ __html: MARK_SUPPORTED }} />
      <p className="in-data-browser:hidden border-b bg-warning-soft px-4 py-6 text-center text-warning">
        Slipway doesn't support this browser. Turn on JavaScript, and use {joinWithOr(oldest)}, or a newer
        version.
      </p>
    </>
  );
}
