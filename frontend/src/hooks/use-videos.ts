// Lists, follows and deletes videos.
import {
  type InfiniteData,
  type QueryClient,
  useInfiniteQuery,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api, type Video, type VideoList } from "@/lib/api/client";
import type { ApiError } from "@/lib/api/errors";

export const videoKeys = {
  all: ["videos"] as const,
  list: ["videos", "list"] as const,
  one: (id: string) => ["videos", "one", id] as const,
};

type ListPages = InfiniteData<VideoList, string | null>;

// Most videos are processed within seconds, so polling starts fast and slows down.
const FOLLOW_FIRST_MS = 400;
const FOLLOW_LAST_MS = 8000;
const FOLLOW_GROWTH = 1.3;
const LIST_REFRESH_MS = 30_000;

/** Return whether the server is still working on the video. */
export function isInProgress(status: Video["status"]): boolean {
  return status === "completing" || status === "processing";
}

/** List the videos, newest first. Rows in progress poll their own video, so the list refreshes slowly. */
export function useVideoList() {
  return useInfiniteQuery<VideoList, ApiError, ListPages, typeof videoKeys.list, string | null>({
    queryKey: videoKeys.list,
    queryFn: ({ pageParam, signal }) => api.listVideos(pageParam, signal),
    initialPageParam: null,
    getNextPageParam: (last) => last.next_cursor ?? undefined,
    refetchInterval: LIST_REFRESH_MS,
  });
}

/**
 * Poll a video until the server has finished with it, and update its row in the list.
 * `known` is the video as the caller has it, so that polling continues if the first request fails.
 */
export function useVideo(id: string, known?: Video) {
  const queryClient = useQueryClient();
  return useQuery({
    queryKey: videoKeys.one(id),
    initialData: known,
    queryFn: async ({ signal }) => {
      const video = await api.getVideo(id, signal);
      updateListed(queryClient, video);
      return video;
    },
    refetchInterval: ({ state }) => {
      if (state.data === undefined) return false;
      if (isInProgress(state.data.status)) return followIntervalMs(state.dataUpdateCount);
      // Another tab or device may be sending it.
      return state.data.status === "uploading" ? LIST_REFRESH_MS : false;
    },
  });
}

function followIntervalMs(asked: number): number {
  return Math.min(FOLLOW_FIRST_MS * FOLLOW_GROWTH ** asked, FOLLOW_LAST_MS);
}

export function useDeleteVideo() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api.deleteVideo(id).catch(ignoreMissing),
    onSuccess: async (_, id) => {
      await forgetListed(queryClient, id);
      void queryClient.invalidateQueries({ queryKey: videoKeys.list });
      queryClient.removeQueries({ queryKey: videoKeys.one(id) });
    },
  });
}

/** Remove a row from the cached list. */
export async function forgetListed(queryClient: QueryClient, id: string): Promise<void> {
  // A request in flight still contains the row.
  await queryClient.cancelQueries({ queryKey: videoKeys.list });
  editListed(queryClient, (items) => items.filter((item) => item.id !== id));
}

function ignoreMissing(error: ApiError): void {
  if (error.code !== "video_not_found") throw error;
}

function updateListed(queryClient: QueryClient, video: Video): void {
  editListed(queryClient, (items) => items.map((item) => (item.id === video.id ? video : item)));
}

function editListed(queryClient: QueryClient, edit: (items: Video[]) => Video[]): void {
  queryClient.setQueryData<ListPages>(
    videoKeys.list,
    (list) => list && { ...list, pages: list.pages.map((page) => ({ ...page, items: edit(page.items) })) },
  );
}
