// Links sign-in and registration, and keeps the page to return to.
"use client";

import { useSearchParams } from "next/navigation";
import type { ReactNode } from "react";
import { Link } from "@/components/site-link";
import { Button } from "@/components/ui/button";
import { ownPath } from "@/lib/own-path";

export function AuthSwitchLink({ to, children }: { to: "/login" | "/register"; children: ReactNode }) {
  const next = ownPath(useSearchParams().get("next"));
  return (
    <Button asChild variant="link" size="inline">
      <Link href={next === "/" ? to : `${to}?next=${encodeURIComponent(next)}`}>{children}</Link>
    </Button>
  );
}
