"use client";

import { MessagePage } from "@/components/message-page";
import { buttonClass } from "@/components/ui/button";
import { publicAddress } from "@/lib/public-path";
import { useText } from "@/text/use-text";

export function NotFoundScreen() {
  const t = useText();
  return (
    <MessagePage
      title={t.site.notFound.title}
      text={t.site.notFound.text}
      action={
        // biome-ignore lint/correctness/noRestrictedElements: each page brings this one, so Link would come twice.
        <a className={buttonClass()} href={publicAddress("/")}>
          {t.site.notFound.home}
        </a>
      }
    />
  );
}
