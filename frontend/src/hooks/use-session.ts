// Reads the session, signs in and out, and registers.
import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, type Credentials, type Registration, type User } from "@/lib/api/client";
import type { ApiError } from "@/lib/api/errors";
import type { WhySignedOut } from "@/lib/own-path";
import { type SignedInId, tellOtherTabs } from "@/lib/session-news";
import { videoKeys } from "./video-keys";

export const SESSION_KEY = ["session"] as const;
const WHY_KEY = ["why signed out"] as const;

export type Session =
  | { readonly status: "unknown" }
  | { readonly status: "unreachable"; readonly error: ApiError; readonly retry: () => void }
  | { readonly status: "signed_out" }
  | { readonly status: "signed_in"; readonly user: User };

export function useSession(): Session {
  const query = useQuery<User | null>({
    queryKey: SESSION_KEY,
    queryFn: async ({ client, signal }) => {
      const user = await api.signedIn(signal);
      if (user === null && client.getQueryData(SESSION_KEY)) {
        noteEnd(client);
        tellOtherTabs(null);
      }
      return user;
    },
    staleTime: 60_000,
  });
  if (query.data === null) return { status: "signed_out" };
  if (query.data !== undefined) return { status: "signed_in", user: query.data };
  if (query.error !== null) {
    return { status: "unreachable", error: query.error, retry: () => void query.refetch() };
  }
  return { status: "unknown" };
}

/** Leave the signed-in view here and in the other tabs, because the server no longer knows the session. */
export function noteSessionEnded(queryClient: QueryClient): void {
  if (queryClient.getQueryData(SESSION_KEY) === null) return;
  noteEnd(queryClient);
  queryClient.setQueryData(SESSION_KEY, null);
  tellOtherTabs(null);
}

/** Return why the last session ended, or null if a button of this tab ended it. */
export function whySignedOut(queryClient: QueryClient): WhySignedOut | null {
  return queryClient.getQueryData(WHY_KEY) ?? null;
}

function noteEnd(queryClient: QueryClient, why: WhySignedOut = "ended"): void {
  if (queryClient.getQueryData(SESSION_KEY)) queryClient.setQueryData(WHY_KEY, why);
}

/** Leave the signed-in view of the account that has just been deleted. */
export async function noteAccountDeleted(queryClient: QueryClient): Promise<void> {
  noteEnd(queryClient, "deleted");
  await leaveSession(queryClient);
}

async function leaveSession(queryClient: QueryClient): Promise<void> {
  await replaceSession(queryClient, null);
  tellOtherTabs(null);
  queryClient.removeQueries({ queryKey: videoKeys.all });
}

/** Leave the signed-in view if another tab says that its user is no longer signed in. Then ask the server who is. */
export async function followOtherTab(queryClient: QueryClient, signedInId: SignedInId): Promise<void> {
  const user = queryClient.getQueryData<User | null>(SESSION_KEY);
  if (user && user.id === signedInId) return;
  noteEnd(queryClient);
  await replaceSession(queryClient, null);
  queryClient.removeQueries({ queryKey: videoKeys.all });
  await queryClient.invalidateQueries({ queryKey: SESSION_KEY });
}

/** Cancel the running query first, because its answer belongs to the old session and would overwrite the new one. */
async function replaceSession(queryClient: QueryClient, user: User | null): Promise<void> {
  await queryClient.cancelQueries({ queryKey: SESSION_KEY });
  queryClient.setQueryData(SESSION_KEY, user);
}

export function useSignIn() {
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: (credentials: Credentials) => api.signIn(credentials),
    onSuccess: (user) => welcome(user),
  });

  async function welcome(user: User) {
    queryClient.removeQueries({ queryKey: WHY_KEY });
    await replaceSession(queryClient, user);
    tellOtherTabs(user.id);
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
    onSuccess: () => leaveSession(queryClient),
  });
}
