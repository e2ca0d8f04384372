// Lists the user's videos, and keeps the list fresh with one request, however many rows are loaded.
import {
  type InfiniteData,
  keepPreviousData,
  type QueryClient,
  useInfiniteQuery,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api, type Video, type VideoList } from "@/lib/api/client";
import type { ApiError } from "@/lib/api/errors";
import { editItems, withFreshStart } from "@/lib/list/pages";
import type { ListView } from "@/lib/list/view";
import { videoKeys } from "./video-keys";

type Pages = InfiniteData<VideoList, string | null>;
type ListKey = ReturnType<typeof videoKeys.list>;

export const LIST_REFRESH_MS = 30_000;
const PROGRESS_REFRESH_MS = 3000;
// Returning from a video within this time asks for nothing.
const FRESH_MS = 5000;

/** Return whether the server is still working on the video. */
export function isInProgress(status: Video["status"]): boolean {
  return status === "completing" || status === "processing";
}

/** List the videos of a view. While its first page loads, the last view's videos stay (`isPlaceholderData`). */
export function useVideoList(view: ListView) {
  const list = useInfiniteQuery<VideoList, ApiError, Pages, ListKey, string | null>({
    queryKey: videoKeys.list(view),
    queryFn: ({ pageParam, signal }) => api.listVideos(view, pageParam, signal),
    initialPageParam: null,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    // A refetch would ask for every loaded page. The refresh below asks for the first one.
    staleTime: Number.POSITIVE_INFINITY,
  });
  const isMoving = list.data?.pages[0]?.items.some(({ status }) => isInProgress(status)) ?? false;
  const refresh = useRefresh(view, {
    enabled: list.isSuccess && !list.isPlaceholderData,
    refetchInterval: isMoving ? PROGRESS_REFRESH_MS : LIST_REFRESH_MS,
  });
  return { list, refreshError: refresh.error };
}

function useRefresh(view: ListView, options: { enabled: boolean; refetchInterval: number }) {
  const queryClient = useQueryClient();
  return useQuery({
    queryKey: videoKeys.refresh(view),
    queryFn: async ({ signal }) => {
      const fresh = await api.listVideos(view, null, signal);
      queryClient.setQueryData<Pages>(videoKeys.list(view), (list) => list && withFreshStart(list, fresh));
      return true;
    },
    // The list itself has just been loaded.
    initialData: true,
    staleTime: FRESH_MS,
    ...options,
  });
}

/** Refresh the list that is shown, or that is shown next. */
export function refreshList(queryClient: QueryClient): void {
  void queryClient.invalidateQueries({ queryKey: videoKeys.refreshes });
}

/** Remove rows from the cached lists. */
export async function forgetListed(queryClient: QueryClient, ...ids: string[]): Promise<void> {
  // A request in flight still contains the rows.
  await queryClient.cancelQueries({ queryKey: videoKeys.refreshes });
  editListed(queryClient, (items) => items.filter(({ id }) => !ids.includes(id)));
}

export function editListed(queryClient: QueryClient, edit: (items: Video[]) => Video[]): void {
  queryClient.setQueriesData<Pages>({ queryKey: videoKeys.lists }, (list) => list && editItems(list, edit));
}
