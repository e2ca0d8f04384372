// Lists the sessions of the user, and ends them with the password.
"use client";

import type { FormEvent } from "react";
import { PasswordField } from "@/components/auth/password-field";
import { ErrorNotice } from "@/components/error-notice";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { useEndSession, useSessions } from "@/hooks/use-account";
import type { SignedInSession } from "@/lib/api/client";
import { deviceName } from "@/lib/device";
import { submittedFields } from "@/lib/submitted-fields";
import { useAccountText } from "@/text/account-text";
import { AccountSection } from "./account-section";

const ALL_OTHERS = "others";

export function SessionList() {
  const t = useAccountText();
  const sessions = useSessions();
  const end = useEndSession();
  const refusal = useRefusal(end.error, "end_session");

  function submit(event: FormEvent<HTMLFormElement>) {
    const form = event.currentTarget;
    const pressed = (event.nativeEvent as SubmitEvent).submitter;
    const id = pressed?.getAttribute("value") ?? ALL_OTHERS;
    const password = submittedFields(event)("password");
    end.mutate({ id: id === ALL_OTHERS ? null : id, password }, { onSuccess: () => form.reset() });
  }

  return (
    <AccountSection title={t.account.sessions.title}>
      {sessions.isError && (
        <div className="mt-4">
          <ErrorNotice
            title={t.account.sessions.notShown}
            error={sessions.error}
            place="sessions"
            onRetry={() => void sessions.refetch()}
          />
        </div>
      )}
      <form method="post" onSubmit={submit} className="mt-4 space-y-5">
        <ul className="divide-y">
          {sessions.data?.map((session) => (
            <SessionRow key={session.id} session={session} pending={end.isPending} />
          ))}
        </ul>
        <div className="max-w-md">
          <PasswordField
            id="end-password"
            hint={t.account.sessions.hint}
            autoComplete="current-password"
            {...refusal.marks("password")}
          />
        </div>
        <RefusalNotice refusal={refusal} />
        <Button type="submit" value={ALL_OTHERS} pending={end.isPending}>
          {t.account.sessions.endOthers}
        </Button>
      </form>
    </AccountSection>
  );
}

function SessionRow({ session, pending }: { session: SignedInSession; pending: boolean }) {
  const t = useAccountText();
  const name = deviceName(t, session.user_agent);
  return (
    <li className="flex items-center gap-4 py-3 text-sm">
      <div className="min-w-0 flex-1">
        <p translate="no" className="truncate" title={session.user_agent ?? undefined}>
          {name}
        </p>
        <p className="text-muted-foreground">
          {t.account.sessions.signedIn(t.format.fullDate(session.created_at))}
        </p>
        {!session.current && (
          <p className="text-muted-foreground">
            {t.account.sessions.lastUsed(t.format.fullDate(session.last_seen_at))}
          </p>
        )}
        {session.address !== null && (
          <p className="break-all text-muted-foreground">{t.account.sessions.address(session.address)}</p>
        )}
      </div>
      {session.current ? (
        <span className="text-muted-foreground">{t.account.sessions.current}</span>
      ) : (
        <Button type="submit" variant="secondary" size="sm" value={session.id} pending={pending}>
          {t.account.sessions.end}
        </Button>
      )}
    </li>
  );
}
