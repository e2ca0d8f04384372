// Links sign-in and registration, and keeps the page to return to.
"use client";

import { useSearchParams } from "next/navigation";
import { type ReactNode, Suspense } from "react";
import { Link } from "@/components/site-link";
import { buttonClass } from "@/components/ui/button";
import { ownPath } from "@/lib/own-path";

interface Props {
  to: "/login" | "/register";
  children: ReactNode;
}

export function AuthSwitchLink(props: Props) {
  return (
    // Only the browser knows the query string.
    <Suspense fallback={<To {...props} next="/" />}>
      <KeepingNext {...props} />
    </Suspense>
  );
}

function KeepingNext(props: Props) {
  return <To {...props} next={ownPath(useSearchParams().get("next"))} />;
}

function To({ to, next, children }: Props & { next: string }) {
  return (
    <Link
      className={buttonClass({ variant: "link", size: "inline" })}
      href={next === "/" ? to : `${to}?next=${encodeURIComponent(next)}`}
    >
      {children}
    </Link>
  );
}
