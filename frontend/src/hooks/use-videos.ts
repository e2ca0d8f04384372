// The list of videos, one video that is followed until it rests, and deleting. The server's word, kept fresh.
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

// A video on the move is asked for quickly at first, then ever more slowly: most are read within seconds.
const FOLLOW_FIRST_MS = 400;
const FOLLOW_LAST_MS = 8000;
const FOLLOW_GROWTH = 1.3;
const LIST_REFRESH_MS = 30_000;

/** True while the server works on the video and its status will change by itself. */
export function isMoving(status: Video["status"]): boolean {
  return status === "completing" || status === "processing";
}

/** Newest first, page by page. Rows on the move follow their own video (`useVideo`), so this refreshes slowly. */
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
 * One video; asked for again until it rests, and its row in the list is kept in step. `known`: as it was heard of
 * elsewhere, so that it is followed also where the first answer fails.
 */
export function useVideo(id: string, known?: Video) {
  const queryClient = useQueryClient();
  return useQuery({
    queryKey: videoKeys.one(id),
    initialData: known,
    queryFn: async ({ signal }) => {
      const video = await api.getVideo(id, signal);
      replaceListed(queryClient, video);
      return video;
    },
    refetchInterval: ({ state }) => {
      if (state.data === undefined) return false;
      if (isMoving(state.data.status)) return followIntervalMs(state.dataUpdateCount);
      // Another tab or device is sending it, perhaps.
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
    mutationFn: (id: string) => api.deleteVideo(id).catch(fineWhenGone),
    onSuccess: async (_, id) => {
      await forgetListed(queryClient, id);
      void queryClient.invalidateQueries({ queryKey: videoKeys.list });
      queryClient.removeQueries({ queryKey: videoKeys.one(id) });
    },
  });
}

/** Takes a row out of the list on show, without waiting for the server. */
export async function forgetListed(queryClient: QueryClient, id: string): Promise<void> {
  // An answer that is on its way was written before and would bring the row back.
  await queryClient.cancelQueries({ queryKey: videoKeys.list });
  editListed(queryClient, (items) => items.filter((item) => item.id !== id));
}

function fineWhenGone(error: ApiError): void {
  if (error.code !== "video_not_found") throw error;
}

function replaceListed(queryClient: QueryClient, video: Video): void {
  editListed(queryClient, (items) => items.map((item) => (item.id === video.id ? video : item)));
}

function editListed(queryClient: QueryClient, edit: (items: Video[]) => Video[]): void {
  queryClient.setQueryData<ListPages>(
    videoKeys.list,
    (list) => list && { ...list, pages: list.pages.map((page) => ({ ...page, items: edit(page.items) })) },
  );
}
