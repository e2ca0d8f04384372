// Redirects signed-in users from the sign-in pages to the page they asked for.
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
