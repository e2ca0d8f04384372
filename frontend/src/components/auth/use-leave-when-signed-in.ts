// Takes people who are signed in from the sign-in pages to where they wanted to go.
"use client";

import { useRouter, useSearchParams } from "next/navigation";
import { useEffect } from "react";
import { useSession } from "@/hooks/use-session";
import { ownPath } from "@/lib/own-path";

export function useLeaveWhenSignedIn(): void {
  const session = useSession();
  const router = useRouter();
  const next = ownPath(useSearchParams().get("next"));
  const signedIn = session.status === "signed_in";
  useEffect(() => {
    if (signedIn) router.replace(next);
  }, [signedIn, next, router]);
}
