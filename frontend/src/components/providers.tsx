// Provides the theme, the language, the query cache, the live region and the upload to every page.
"use client";

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { ThemeProvider } from "next-themes";
import { type ReactNode, useEffect, useState } from "react";
import { Announcer } from "@/components/announcer";
import { DocumentLanguage } from "@/components/document-language";
import { FocusKeeper } from "@/components/focus-keeper";
import { KeptProvider } from "@/components/kept-provider";
import { ThemeColor } from "@/components/theme-color";
import { followOtherTab, noteSessionEnded } from "@/hooks/use-session";
import { ApiError } from "@/lib/api/errors";
import { hearOtherTabs } from "@/lib/session-news";

declare module "@tanstack/react-query" {
  interface Register {
    // Every query and mutation calls lib/api, which throws nothing else.
    defaultError: ApiError;
  }
}

const MAX_RETRIES = 2;

export function Providers({ children }: { children: ReactNode }) {
  const [queryClient] = useState(makeQueryClient);
  useEffect(() => hearOtherTabs((user) => void followOtherTab(queryClient, user)), [queryClient]);
  return (
    // `disableTransitionOnChange` would add a <style> element, which the CSP refuses.
    <ThemeProvider attribute="class" defaultTheme="system" enableSystem>
      <ThemeColor />
      <DocumentLanguage />
      <QueryClientProvider client={queryClient}>
        <Announcer>
          <FocusKeeper />
          <KeptProvider>{children}</KeptProvider>
        </Announcer>
      </QueryClientProvider>
    </ThemeProvider>
  );
}

function makeQueryClient(): QueryClient {
  const noteSignedOut = (error: Error) => {
    // Any answer may say that the session has ended.
    if (error instanceof ApiError && error.code === "not_authenticated") {
      noteSessionEnded(queryClient);
    }
  };
  const queryClient: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: noteSignedOut }),
    mutationCache: new MutationCache({ onError: noteSignedOut }),
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < MAX_RETRIES && error.isTransient,
        // If the user is offline, show an error and not an endless skeleton.
        networkMode: "always",
        refetchOnReconnect: true,
      },
      mutations: { networkMode: "always" },
    },
  });
  return queryClient;
}
