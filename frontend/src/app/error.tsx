// Shows an error boundary. The upload lives above it and continues.
"use client";

import { MessagePage } from "@/components/message-page";
import { Button } from "@/components/ui/button";
import { useText } from "@/text/use-text";

export default function ErrorPage({ reset }: { error: Error; reset: () => void }) {
  const t = useText();
  return (
    <MessagePage
      title={t.site.failed.title}
      text={t.site.failed.page}
      action={<Button onClick={reset}>{t.site.tryAgain}</Button>}
    />
  );
}
