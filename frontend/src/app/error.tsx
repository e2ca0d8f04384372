// Shows an error boundary. The upload lives above it and continues.
"use client";

import { MessagePage } from "@/components/message-page";
import { Button } from "@/components/ui/button";

export default function ErrorPage({ reset }: { error: Error; reset: () => void }) {
  return (
    <MessagePage
      title="Something went wrong"
      text="This page failed. Try again. If it fails again, reload the page."
      action={<Button onClick={reset}>Try again</Button>}
    />
  );
}
