"use client";

import { MessagePage } from "@/components/message-page";
import { Link } from "@/components/site-link";
import { Button } from "@/components/ui/button";
import { useText } from "@/text/use-text";

export function NotFoundScreen() {
  const t = useText();
  return (
    <MessagePage
      title={t.site.notFound.title}
      text={t.site.notFound.text}
      action={
        <Button asChild>
          <Link href="/">{t.site.notFound.home}</Link>
        </Button>
      }
    />
  );
}
