"use client";

import { CircleUser } from "lucide-react";
import { SignOutButton } from "@/components/auth/sign-out-button";
import { Link } from "@/components/site-link";
import { ThemeToggle } from "@/components/theme-toggle";
import { UploadPill } from "@/components/upload/upload-pill";
import { Wordmark } from "@/components/wordmark";
import type { User } from "@/lib/api/client";
import { forgetPlace } from "@/lib/list/place";
import { useText } from "@/text/use-text";

export function SiteHeader({
  user,
  hasUploadCard = false,
}: {
  user: User | null;
  /** Whether the page itself shows the upload. */
  hasUploadCard?: boolean;
}) {
  const t = useText();
  return (
    <header // In a low window, as at a zoom of 400%, it would take a third of the height.
      className="sticky top-0 z-20 border-b bg-background/85 backdrop-blur [@media(max-height:30rem)]:static"
    >
      <div className="mx-auto flex h-16 max-w-6xl items-center gap-1 px-4 sm:gap-2 sm:px-6">
        <Link
          href="/"
          onClick={forgetPlace}
          className="-mx-1 flex h-11 items-center rounded-lg px-1"
          aria-label={t.site.home}
        >
          <Wordmark />
        </Link>
        <div className="ms-auto flex min-w-0 items-center gap-1 sm:gap-2">
          {!hasUploadCard && <UploadPill />}
          {user !== null && (
            <Link
              href="/account"
              className="flex h-11 min-w-11 items-center justify-center rounded-lg text-muted-foreground text-sm hover:text-foreground"
              aria-label={t.site.account(user.full_name ?? user.email)}
              title={t.site.signedInAs(user.email)}
            >
              <CircleUser className="size-4 sm:hidden" />
              <span translate="no" className="hidden max-w-60 truncate sm:block">
                {user.full_name ?? user.email}
              </span>
            </Link>
          )}
          <ThemeToggle />
          {user !== null && <SignOutButton />}
        </div>
      </div>
    </header>
  );
}
