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
import { textsOf, type VideoTexts, withChanges, withTime } from "@/lib/list/changes";
import { editItems, type ListPages, withFreshStart } from "@/lib/list/pages";
import type { ListView } from "@/lib/list/view";
import { videoKeys } from "./video-keys";

type Pages = InfiniteData<VideoList, string | null>;
type ListKey = ReturnType<typeof videoKeys.list>;

export const LIST_REFRESH_MS = 30_000;
const PROGRESS_REFRESH_MS = 3000;
// Returning from a video within this time asks for nothing.
const FRESH_MS = 5000;
const NO_TEXTS: VideoTexts = new Map();

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
    // A refetch would ask for every loaded page. The refresh below asks for the changes.
    staleTime: Number.POSITIVE_INFINITY,
  });
  const isMoving = list.data?.pages.some(({ items }) => items.some(({ status }) => isInProgress(status)));
  const refresh = useRefresh(view, {
    enabled: list.isSuccess && !list.isPlaceholderData,
    refetchInterval: isMoving ? PROGRESS_REFRESH_MS : LIST_REFRESH_MS,
  });
  return { list, refreshError: refresh.error };
}

function useRefresh(view: ListView, options: { enabled: boolean; refetchInterval: number }) {
  const queryClient = useQueryClient();
  return useQuery<VideoTexts, ApiError>({
    queryKey: videoKeys.refresh(view),
    queryFn: ({ signal }) => refresh(queryClient, view, signal),
    // The list itself has just been loaded.
    initialData: NO_TEXTS,
    staleTime: FRESH_MS,
    ...options,
  });
}

/** Bring the loaded pages up to date, and return what the API said of each video. */
async function refresh(queryClient: QueryClient, view: ListView, signal: AbortSignal): Promise<VideoTexts> {
  const known = queryClient.getQueryData<VideoTexts>(videoKeys.refresh(view)) ?? NO_TEXTS;
  const since = queryClient.getQueryData<Pages>(videoKeys.list(view))?.pages[0]?.as_of;
  if (since === undefined) return known;
  const edit = (change: (list: ListPages) => ListPages) =>
    queryClient.setQueryData<Pages>(videoKeys.list(view), (list) => list && change(list));

  const changes = await api.listChanges(since, signal);
  let needsStart = !changes.is_complete;
  edit((list) => {
    const changed = withChanges(list, changes, view, known);
    needsStart ||= changed.needsStart;
    return changed.list;
  });
  if (needsStart) {
    const fresh = await api.listVideos(view, null, signal);
    edit((list) => withFreshStart(list, fresh));
  }
  // If the first page does not arrive, the next answer tells the same changes again.
  edit((list) => withTime(list, changes.as_of));
  return textsOf(changes);
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
