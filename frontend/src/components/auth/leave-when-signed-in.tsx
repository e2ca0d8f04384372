// Redirects signed-in users from the sign-in pages to the page they asked for.
"use client";

import { useSearchParams } from "next/navigation";
import { Suspense, useEffect } from "react";
import { useSession } from "@/hooks/use-session";
import { useRouter } from "@/hooks/use-site-navigation";
import { ownPath } from "@/lib/own-path";

export function LeaveWhenSignedIn() {
  return (
    // Only the browser knows the query string. Without this boundary the export would leave out the whole form.
    <Suspense>
      <Leave />
    </Suspense>
  );
}

function Leave() {
  const session = useSession();
  const router = useRouter();
  const next = ownPath(useSearchParams().get("next"));
  const signedIn = session.status === "signed_in";
  useEffect(() => {
    if (signedIn) router.replace(next);
  }, [signedIn, next, router]);
  return null;
}
