// Changes, exports and deletes the account, and lists and ends its sessions.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { api, type NewPassword } from "@/lib/api/client";
import { collectData } from "@/lib/export-data";
import { noteAccountDeleted, SESSION_KEY } from "./use-session";

export const SESSIONS_KEY = ["sessions"] as const;

export function useSessions() {
  return useQuery({ queryKey: SESSIONS_KEY, queryFn: ({ signal }) => api.listSessions(signal) });
}

export function useRename() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (name: string) => api.rename(name === "" ? null : name),
    onSuccess: (user) => queryClient.setQueryData(SESSION_KEY, user),
  });
}

/** Collect the account's data into a JSON text. `count` tells how many videos are collected. */
export function useExport() {
  const [count, setCount] = useState(0);
  const collect = useMutation({
    onMutate: () => setCount(0),
    mutationFn: () => collectData(setCount, new AbortController().signal),
  });
  return { ...collect, count };
}

/** `onDeleted` ends what needs the session, before the page leaves the signed-in view. */
export function useDeleteAccount() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async ({ password, onDeleted }: { password: string; onDeleted: () => void }) => {
      await api.deleteAccount(password);
      onDeleted();
    },
    onSuccess: () => noteAccountDeleted(queryClient),
  });
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
  const refresh = () => queryClient.invalidateQueries({ queryKey: SESSIONS_KEY });
  return useMutation({
    mutationFn: ({ id, password }: { id: string | null; password: string }) =>
      id === null ? api.endOtherSessions(password) : api.endSession(id, password),
    onSuccess: refresh,
    // The session may have ended already. The reason is shown before the list is there.
    onError: () => void refresh(),
  });
}
