"use client";

import { SignOutButton } from "@/components/auth/sign-out-button";
import { Link } from "@/components/site-link";
import { ThemeToggle } from "@/components/theme-toggle";
import { UploadPill } from "@/components/upload/upload-pill";
import { Wordmark } from "@/components/wordmark";
import type { User } from "@/lib/api/client";

export function SiteHeader({ user }: { user: User | null }) {
  return (
    <header className="sticky top-0 z-10 border-b bg-background/85 backdrop-blur">
      <div className="mx-auto flex h-16 max-w-6xl items-center gap-1 px-4 sm:gap-2 sm:px-6">
        <Link
          href="/"
          className="-mx-1 flex h-11 items-center rounded-lg px-1"
          aria-label="Slipway, your videos"
        >
          <Wordmark />
        </Link>
        <div className="ml-auto flex min-w-0 items-center gap-2">
          <UploadPill />
          {user !== null && (
            <span
              translate="no"
              className="hidden max-w-60 truncate text-muted-foreground text-sm sm:block"
              title={`Signed in as ${user.email}`}
            >
              {user.full_name ?? user.email}
            </span>
          )}
          <ThemeToggle />
          {user !== null && <SignOutButton />}
        </div>
      </div>
    </header>
  );
}
