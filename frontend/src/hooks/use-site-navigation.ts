// Next's hooks of navigation with paths of this site, also where the site is served under a public path.
"use client";

import { usePathname as useAddress, useRouter as useNextRouter } from "next/navigation";
import { useMemo } from "react";
import { publicAddress, sitePath } from "@/lib/public-path";

export function usePathname(): string {
  return sitePath(useAddress());
}

export function useRouter(): { push(path: string): void; replace(path: string): void } {
  const router = useNextRouter();
  return useMemo(
    () => ({
      push: (path: string) => router.push(publicAddress(path)),
      replace: (path: string) => router.replace(publicAddress(path)),
    }),
    [router],
  );
}
