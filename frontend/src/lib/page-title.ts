// Writes the document's title, which tells tabs from each other. Next writes the title of each page into it.

/** What stands in the title beside the page's own: the name of what the page shows, and the state of the upload. */
interface Additions {
  readonly name: string | null;
  readonly mark: string | null;
}

const SITE = " – Slipway";

export function composeTitle(own: string, { name, mark }: Additions): string {
  const title = name === null ? own : `${name}${SITE}`;
  return mark === null ? title : `${mark} · ${title}`;
}

let additions: Additions = { name: null, mark: null };
/** The page's own title, and what stands in its place. */
let own = "";
let written = "";
let observer: MutationObserver | null = null;

export function setTitle(changed: Partial<Additions>): void {
  additions = { ...additions, ...changed };
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
  written = composeTitle(own, additions);
  if (title.textContent === written) return;
  // Otherwise the translator would fetch each percent anew.
  title.translate = false;
  title.textContent = written;
}
