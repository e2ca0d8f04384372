// Writes the document's title, which tells tabs from each other. Next writes the English title of each page into it.
import { en } from "@/text/en";

type Titles = typeof en.site.titles;

/** What stands in the title beside the page's own: the name of what the page shows, and the state of the upload. */
interface Additions {
  readonly name: string | null;
  readonly mark: string | null;
}

interface Parts extends Additions {
  /** The pages' own titles in the language of the person. */
  readonly titles: Titles;
}

const SITE = " – Slipway";

export function composeTitle(own: string, { name, mark }: Additions): string {
  const title = name === null ? own : `${name}${SITE}`;
  return mark === null ? title : `${mark} · ${title}`;
}

/** Return the title that Next wrote, in another language. What a translator wrote stays. */
function titleIn(titles: Titles, own: string): string {
  const page = (Object.keys(titles) as (keyof Titles)[]).find((id) => own === `${en.site.titles[id]}${SITE}`);
  return page === undefined ? own : `${titles[page]}${SITE}`;
}

let parts: Parts = { name: null, mark: null, titles: en.site.titles };
/** The page's own title, as Next or a translator wrote it. */
let own = "";
let written = "";
let observer: MutationObserver | null = null;

export function setTitle(changed: Partial<Parts>): void {
  parts = { ...parts, ...changed };
  if (observer === null) {
    // Navigation replaces the title.
    observer = new MutationObserver(write);
    observer.observe(document.head, { childList: true, characterData: true, subtree: true });
  }
  write();
}

function write(): void {
  // A translator may have put an element into the title, which document.title leaves out.
  const title = document.head.querySelector("title");
  if (title === null) return;
  if (title.textContent !== written) own = title.textContent;
  written = composeTitle(titleIn(parts.titles, own), parts);
  if (title.textContent === written) return;
  // Otherwise the translator would fetch each percent anew.
  if (parts.name !== null || parts.mark !== null) title.translate = false;
  title.textContent = written;
}
