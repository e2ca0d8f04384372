// What every page shares: the theme, the query cache, the live region and the one upload.
"use client";

import { MutationCache, QueryCache, QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { ThemeProvider } from "next-themes";
import { type ReactNode, useState } from "react";
import { Announcer } from "@/components/announcer";
import { UploadProvider } from "@/components/upload/upload-provider";
import { SESSION_KEY } from "@/hooks/use-session";
import { ApiError } from "@/lib/api/errors";

declare module "@tanstack/react-query" {
  interface Register {
    // Every query and mutation of the page goes through lib/api, which throws nothing else.
    defaultError: ApiError;
  }
}

const MAX_RETRIES = 2;

export function Providers({ children }: { children: ReactNode }) {
  const [queryClient] = useState(makeQueryClient);
  return (
    // No `disableTransitionOnChange`: it adds a <style> element, which the page's CSP refuses.
    <ThemeProvider attribute="class" defaultTheme="system" enableSystem>
      <QueryClientProvider client={queryClient}>
        <Announcer>
          <UploadProvider>{children}</UploadProvider>
        </Announcer>
      </QueryClientProvider>
    </ThemeProvider>
  );
}

function makeQueryClient(): QueryClient {
  const noteSignedOut = (error: Error) => {
    // Wherever the API says that the session has ended, the whole page knows it at once.
    if (error instanceof ApiError && error.code === "not_authenticated") {
      queryClient.setQueryData(SESSION_KEY, null);
    }
  };
  const queryClient: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: noteSignedOut }),
    mutationCache: new MutationCache({ onError: noteSignedOut }),
    defaultOptions: {
      queries: {
        retry: (failures, error) => failures < MAX_RETRIES && error.isTransient,
        // "always" so that being offline is an error to show, not a skeleton without end.
        networkMode: "always",
        refetchOnReconnect: true,
      },
      mutations: { networkMode: "always" },
    },
  });
  return queryClient;
}
