// Changes the password, and lists and ends the user's sessions.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type NewPassword } from "@/lib/api/client";

const SESSIONS_KEY = ["sessions"] as const;

export function useSessions() {
  return useQuery({ queryKey: SESSIONS_KEY, queryFn: ({ signal }) => api.listSessions(signal) });
}

export function useChangePassword() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (passwords: NewPassword) => api.changePassword(passwords),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: SESSIONS_KEY }),
  });
}

/** End one session, or with `id` null all but this one. */
export function useEndSession() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: ({ id, password }: { id: string | null; password: string }) =>
      id === null ? api.endOtherSessions(password) : api.endSession(id, password),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: SESSIONS_KEY }),
  });
}
