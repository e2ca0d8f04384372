// The server's limits and accepted types: the page keeps no table of its own.
import { useQuery } from "@tanstack/react-query";
import { api } from "@/lib/api/client";

export function useUploadPolicy() {
  return useQuery({
    queryKey: ["upload-policy"],
    queryFn: ({ signal }) => api.uploadPolicy(signal),
    // It changes with the server's settings only, and a new object would make a new engine under a running upload.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
  });
}
