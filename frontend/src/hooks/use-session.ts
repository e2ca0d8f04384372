// Reads the session, signs in and out, and registers.
import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Credentials, type Registration, type User } from "@/lib/api/client";
import { ApiError } from "@/lib/api/errors";
import { videoKeys } from "./use-videos";

export const SESSION_KEY = ["session"] as const;

export type Session =
  | { readonly status: "unknown" }
  | { readonly status: "unreachable"; readonly error: ApiError; readonly retry: () => void }
  | { readonly status: "signed_out" }
  | { readonly status: "signed_in"; readonly user: User };

export function useSession(): Session {
  const query = useQuery<User | null>({
    queryKey: SESSION_KEY,
    queryFn: ({ signal }) => api.me(signal).catch(nullWhenSignedOut),
    staleTime: 60_000,
  });
  if (query.data === null) return { status: "signed_out" };
  if (query.data !== undefined) return { status: "signed_in", user: query.data };
  if (query.error !== null) {
    return { status: "unreachable", error: query.error, retry: () => void query.refetch() };
  }
  return { status: "unknown" };
}

/** Cancel the running query first, because its answer belongs to the old session and would overwrite the new one. */
async function replaceSession(queryClient: QueryClient, user: User | null): Promise<void> {
  await queryClient.cancelQueries({ queryKey: SESSION_KEY });
  queryClient.setQueryData(SESSION_KEY, user);
}

function nullWhenSignedOut(error: unknown): null {
  if (error instanceof ApiError && error.status === 401) return null;
  throw error;
}

export function useSignIn() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (credentials: Credentials) => api.signIn(credentials),
    onSuccess: (user) => welcome(user),
  });

  async function welcome(user: User) {
    await replaceSession(queryClient, user);
    // The cached videos may belong to another user.
    void queryClient.resetQueries({ queryKey: videoKeys.all });
  }
}

/** Register and sign in, because registering alone sets no cookie. */
export function useRegister() {
  const signIn = useSignIn();
  return useMutation({
    mutationFn: async (registration: Registration) => {
      await api.register(registration);
      return signIn.mutateAsync({ email: registration.email, password: registration.password });
    },
  });
}

// Longest wait for calls that need the session. After it the user is signed out in any case.
const LAST_CALLS_MS = 5000;

/** Sign out after the given calls, which need the session. */
export function useSignOut() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (lastCalls: Promise<void>) => {
      await Promise.race([lastCalls, new Promise((resolve) => setTimeout(resolve, LAST_CALLS_MS))]);
      await api.signOut();
    },
    onSuccess: async () => {
      await replaceSession(queryClient, null);
      queryClient.removeQueries({ queryKey: videoKeys.all });
    },
  });
}
