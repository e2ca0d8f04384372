// Shows its children to signed-in users and redirects others to the sign-in page.
"use client";

import { useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect } from "react";
import { ErrorNotice } from "@/components/error-notice";
import { Keepers } from "@/components/keepers";
import { useBring } from "@/components/kept-provider";
import { NeedsJavaScript } from "@/components/needs-javascript";
import { SiteFoot } from "@/components/site-foot";
import { SiteHeader } from "@/components/site-header";
import { useCurrentUpload } from "@/components/upload/current-upload";
import { useSession, whySignedOut } from "@/hooks/use-session";
import { useRouter } from "@/hooks/use-site-navigation";
import { signInPath } from "@/lib/own-path";
import { sitePath } from "@/lib/public-path";
import { isRunning } from "@/lib/upload/rules/upload-state";
import { useText } from "@/text/use-text";

export function RequireSession({
  children,
  fallback,
  hasUploadCard = false,
}: {
  children: ReactNode;
  fallback: ReactNode;
  hasUploadCard?: boolean;
}) {
  const t = useText();
  const session = useSession();
  const { state } = useCurrentUpload();
  const router = useRouter();
  const queryClient = useQueryClient();
  useBring(Keepers);
  // During an upload the page stays and a dialog asks for the password.
  const mustLeave = session.status === "signed_out" && !isRunning(state);

  useEffect(() => {
    if (!mustLeave) return;
    const why = whySignedOut(queryClient);
    const here = `${sitePath(location.pathname)}${location.search}`;
    // Somebody else's account begins with its own list.
    router.replace(signInPath(why === "deleted" ? "/" : here, why));
  }, [mustLeave, queryClient, router]);

  return (
    <>
      <NeedsJavaScript text={t.site.needsJavaScript.else} />
      <SiteHeader user={session.status === "signed_in" ? session.user : null} hasUploadCard={hasUploadCard} />
      <main className="noscript:hidden mx-auto w-full max-w-6xl px-4 pt-6 pb-24 sm:px-6 sm:pt-10">
        {content()}
      </main>
      <SiteFoot />
    </>
  );

  function content(): ReactNode {
    switch (session.status) {
      case "signed_in":
        return children;
      case "signed_out":
        return mustLeave ? fallback : children;
      case "unreachable":
        return (
          <>
            <h1 className="sr-only">{t.site.unreachable}</h1>
            <ErrorNotice
              title={t.site.unreachable}
              error={session.error}
              place="session"
              onRetry={session.retry}
            />
          </>
        );
      case "unknown":
        return fallback;
      default:
        return session satisfies never;
    }
  }
}
