import type { ComponentProps } from "react";

/** Open another origin in a tab of its own, because leaving the page would end its upload. */
export function ExternalLink(props: ComponentProps<"a">) {
  return <a {...props} target="_blank" rel="noopener" />;
}
