import { useQuery } from "@tanstack/react-query";
import { api } from "@/lib/api/client";

export const POLICY_KEY = ["upload-policy"] as const;

export function useUploadPolicy() {
  return useQuery({
    queryKey: POLICY_KEY,
    queryFn: ({ signal }) => api.uploadPolicy(signal),
    // The policy changes only with the server's settings. A new object would replace the engine of a running upload.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: Number.POSITIVE_INFINITY,
  });
}
