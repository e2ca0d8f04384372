// Follows and deletes videos.
import {
  type QueryClient,
  type QueryState,
  useMutation,
  useQuery,
  useQueryClient,
} from "@tanstack/react-query";
import { api, type Video } from "@/lib/api/client";
import type { ApiError } from "@/lib/api/errors";
import { SESSION_KEY } from "./use-session";
import { editListed, forgetListed, isInProgress, LIST_REFRESH_MS, refreshList } from "./use-video-list";
import { videoKeys } from "./video-keys";

// Most videos are processed within seconds, so polling starts fast and slows down.
const FOLLOW_FIRST_MS = 400;
const FOLLOW_LAST_MS = 8000;
const FOLLOW_GROWTH = 1.3;
const FRESH_URL_BEFORE_MS = 60_000;

/**
 * Poll a video until the server has finished with it, and update its row in the list.
 * `known` is the video as the caller has it, so that polling continues if the first request fails. With `inBackground`
 * it also continues while the person is in another tab.
 */
export function useVideo(id: string, known?: Video, { inBackground = false } = {}) {
  const queryClient = useQueryClient();
  return useQuery({
    queryKey: videoKeys.one(id),
    initialData: known,
    queryFn: async ({ signal }) => {
      const video = await api.getVideo(id, signal);
      updateListed(queryClient, video);
      return video;
    },
    refetchInterval: ({ state }) => followAgainMs(state),
    refetchIntervalInBackground: inBackground,
  });
}

/** Return when to ask for a video again, or false. */
export function followAgainMs({
  data,
  error,
  dataUpdateCount,
  errorUpdateCount,
}: Pick<QueryState<Video, ApiError>, "data" | "error" | "dataUpdateCount" | "errorUpdateCount">):
  | number
  | false {
  if (data === undefined || error?.code === "video_not_found") return false;
  // Another tab or device may be sending it.
  if (data.status === "uploading") return LIST_REFRESH_MS;
  if (!isInProgress(data.status)) return freshUrlInMs(data.delivery_url_expires_at);
  // Errors count too, so that a server in trouble is asked less often.
  return Math.min(FOLLOW_FIRST_MS * FOLLOW_GROWTH ** (dataUpdateCount + errorUpdateCount), FOLLOW_LAST_MS);
}

/** Return when the API has a new delivery URL, so that the download's link doesn't end under an open page. */
function freshUrlInMs(expiresAt: string | null): number | false {
  if (expiresAt === null) return false;
  return Math.max(Date.parse(expiresAt) - Date.now() - FRESH_URL_BEFORE_MS, LIST_REFRESH_MS);
}

/** Delete a video for good. */
export function useDeleteVideo() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (id: string) => api.deleteVideo(id).catch(ignoreMissing),
    onSuccess: async (_, id) => {
      // The account tells how much space is used.
      void queryClient.invalidateQueries({ queryKey: SESSION_KEY });
      await forgetListed(queryClient, id);
      refreshList(queryClient);
    },
  });
}

function ignoreMissing(error: ApiError): void {
  if (error.code !== "video_not_found") throw error;
}

function updateListed(queryClient: QueryClient, video: Video): void {
  editListed(queryClient, (items) => items.map((item) => (item.id === video.id ? video : item)));
}
