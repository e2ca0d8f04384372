// Answers unknown addresses. Next's own page has inline styles, which the CSP refuses.
import type { Metadata } from "next";
import { MessagePage } from "@/components/message-page";
import { Link } from "@/components/site-link";
import { Button } from "@/components/ui/button";

export const metadata: Metadata = { title: "Not found" };

export default function NotFound() {
  return (
    <MessagePage
      title="Page not found"
      text="The address is wrong, or the page has moved."
      action={
        <Button asChild>
          <Link href="/">Go to your videos</Link>
        </Button>
      }
    />
  );
}
