// Gives components what the page would give them, without a network or an upload engine.
"use client";

import { QueryClient, QueryClientProvider, type QueryKey } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { BringContext } from "@/components/kept-provider";
import { type CurrentUpload, NO_UPLOAD, UploadContext } from "@/components/upload/current-upload";
import { SESSION_KEY } from "@/hooks/use-session";
import type { Uploader } from "@/hooks/use-upload";
import { POLICY_KEY } from "@/hooks/use-upload-policy";
import { videoKeys } from "@/hooks/video-keys";
import type { Video, VideoList } from "@/lib/api/client";
import type { ApiError } from "@/lib/api/errors";
import { ALL_VIDEOS, type ListView } from "@/lib/list/view";
import { NOW, POLICY, USER } from "./examples";

/** Puts into the cache what the API has answered. */
export type Seed = (client: QueryClient) => void;

const IDLE_ENGINE: Uploader = {
  warmUp: () => {},
  start: () => {},
  abort: async () => {},
  retry: () => {},
  reset: async () => {},
  forget: () => {},
  signedOut: () => {},
  signedIn: () => {},
  failureReport: () => "",
};

/** Somebody has signed in, unless `seeds` say otherwise. */
export function Stage({
  upload = {},
  seeds = [],
  children,
}: {
  upload?: Partial<CurrentUpload>;
  seeds?: readonly Seed[];
  children: ReactNode;
}) {
  const [client] = useState(() => {
    const made = new QueryClient({ defaultOptions: { queries: { retry: false, retryOnMount: false } } });
    for (const seed of [known(SESSION_KEY, USER), known(POLICY_KEY, POLICY), ...seeds]) seed(made);
    return made;
  });
  return (
    <QueryClientProvider client={client}>
      <BringContext value={keepNothing}>
        <UploadContext value={{ ...NO_UPLOAD, uploader: IDLE_ENGINE, ...upload }}>{children}</UploadContext>
      </BringContext>
    </QueryClientProvider>
  );
}

const keepNothing = () => {};

export function known(key: QueryKey, data: unknown): Seed {
  return (client) => client.setQueryData(key, data);
}

export function unknown(key: QueryKey): Seed {
  return (client) => client.removeQueries({ queryKey: key, exact: true });
}

/** The last request was refused. What was known before stays. */
export function refused(key: QueryKey, error: ApiError): Seed {
  return (client) => {
    const query = client.getQueryCache().build(client, { queryKey: key });
    query.setState({ error, status: "error", errorUpdateCount: 1, errorUpdatedAt: Date.now() });
  };
}

export function listed(
  items: Video[],
  { view = ALL_VIDEOS, ...changes }: { view?: ListView } & Partial<VideoList> = {},
): Seed {
  const page = {
    items,
    next_cursor: null,
    count: items.length,
    count_is_exact: true,
    as_of: NOW,
    ...changes,
  };
  return known(videoKeys.list(view), { pages: [page], pageParams: [null] });
}
