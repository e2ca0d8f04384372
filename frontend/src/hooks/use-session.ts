// Who is signed in, and the three ways in and out.
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

/** What was asked before is of the old session: its answer may come late, and would undo the new one. */
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
    // What was on the page may be somebody else's.
    void queryClient.resetQueries({ queryKey: videoKeys.all });
  }
}

/** Makes the account and signs in with it: registering alone sets no cookie. */
export function useRegister() {
  const signIn = useSignIn();
  return useMutation({
    mutationFn: async (registration: Registration) => {
      await api.register(registration);
      return signIn.mutateAsync({ email: registration.email, password: registration.password });
    },
  });
}

// What needs the session is waited for; but a server that does not answer keeps nobody from leaving.
const LAST_CALLS_MS = 5000;

/** The mutation takes what must come to its end first, as long as there is a session. */
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
