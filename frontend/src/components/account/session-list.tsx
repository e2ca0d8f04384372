// Lists the sessions of the user, and ends them with the password.
"use client";

import type { MouseEvent } from "react";
import { useAnnounce } from "@/components/announcer";
import { PasswordField } from "@/components/auth/password-field";
import { ErrorNotice } from "@/components/error-notice";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { useEndSession, useSessions } from "@/hooks/use-account";
import type { SignedInSession } from "@/lib/api/client";
import { deviceName } from "@/lib/device";
import { useAccountText } from "@/text/account-text";
import { AccountSection } from "./account-section";

export function SessionList() {
  const t = useAccountText();
  const announce = useAnnounce();
  const sessions = useSessions();
  const end = useEndSession();
  const refusal = useRefusal(end.error, "end_session");
  // There may be others if the list can't be shown.
  const hasOthers = sessions.data?.some(({ current }) => !current) ?? sessions.isError;

  /** End this session, or with null all but the current one. */
  function endWithPassword(id: string | null, { currentTarget: { form } }: MouseEvent<HTMLButtonElement>) {
    if (form === null || !form.reportValidity()) return;
    const password = String(new FormData(form).get("password") ?? "");
    const onSuccess = () => {
      form.reset();
      announce(id === null ? t.account.sessions.endedOthers : t.account.sessions.ended);
    };
    end.mutate({ id, password }, { onSuccess });
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
      {/*
        The button that ended a session goes, and the form takes its focus. No button submits the form, because Enter
        in the field would press the first one.
      */}
      <form
        method="post"
        aria-label={t.account.sessions.title}
        tabIndex={-1}
        onSubmit={(event) => event.preventDefault()}
        className="mt-4 space-y-5"
      >
        <ul className="divide-y">
          {sessions.data?.map((session) => (
            <SessionRow
              key={session.id}
              session={session}
              pending={end.isPending}
              onEnd={(event) => endWithPassword(session.id, event)}
            />
          ))}
        </ul>
        {hasOthers && (
          <div className="max-w-md">
            <PasswordField
              id="end-password"
              hint={t.account.sessions.hint}
              autoComplete="current-password"
              {...refusal.marks("password")}
            />
          </div>
        )}
        <RefusalNotice refusal={refusal} />
        {hasOthers && (
          <Button pending={end.isPending} onClick={(event) => endWithPassword(null, event)}>
            {t.account.sessions.endOthers}
          </Button>
        )}
      </form>
    </AccountSection>
  );
}

function SessionRow({
  session,
  pending,
  onEnd,
}: {
  session: SignedInSession;
  pending: boolean;
  onEnd: (event: MouseEvent<HTMLButtonElement>) => void;
}) {
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
        <Button variant="secondary" size="sm" pending={pending} onClick={onEnd}>
          {t.account.sessions.end}
        </Button>
      )}
    </li>
  );
}
