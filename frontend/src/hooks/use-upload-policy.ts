import { useQuery } from "@tanstack/react-query";
import { api } from "@/lib/api/client";

export function useUploadPolicy() {
  return useQuery({
    queryKey: ["upload-policy"],
    queryFn: ({ signal }) => api.uploadPolicy(signal),
    // The policy changes only with the server's settings. A new object would replace the engine of a running upload.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
  });
}
