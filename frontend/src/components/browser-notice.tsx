// Tells people whose browser is too old, or runs no scripts, what Slipway needs.
import { ENGLISH } from "@/text/text";
import { browserslist } from "../../package.json";

// A browser below the floors can't parse the static block (Safari 16.4), or lacks oklch (Chrome 111) or the interface
// of @property (Firefox 128).
// If a translator changes the page before React hydrates it, React renders it anew and drops attributes of <html>. A
// style sheet of the document stays.
const HIDE_IF_SUPPORTED =
  '(class{static{if(self.CSSPropertyRule&&CSS.supports("color","oklch(0 0 0)")){const s=new CSSStyleSheet;s.replaceSync("#browser-notice{display:none}");document.adoptedStyleSheets.push(s)}}})';

export function BrowserNotice() {
  const oldest = browserslist.map((name) => name.charAt(0).toUpperCase() + name.slice(1));
  return (
    <>
      {/* biome-ignore lint/security/noDangerouslySetInnerHtml: the script is a constant, and the CSP has its hash. */}
      <script dangerouslySetInnerHTML={{ __html: HIDE_IF_SUPPORTED }} />
      <p id="browser-notice" className="border-b bg-warning-soft px-4 py-6 text-center text-warning">
        {ENGLISH.site.unsupportedBrowser(ENGLISH.format.or(oldest))}
      </p>
    </>
  );
}
