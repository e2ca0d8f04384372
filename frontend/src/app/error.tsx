// Shown when a page breaks; the upload lives above it and goes on.
"use client";

import { MessagePage } from "@/components/message-page";
import { Button } from "@/components/ui/button";

export default function ErrorPage({ reset }: { error: Error; reset: () => void }) {
  return (
    <MessagePage
      title="This page broke"
      text="Something went wrong in the page itself. Try again; if it happens again, reload the page."
      action={<Button onClick={reset}>Try again</Button>}
    />
  );
}
