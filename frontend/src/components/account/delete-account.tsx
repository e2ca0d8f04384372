// Deletes the account with all its videos, after a confirmation by password.
"use client";

import { type FormEvent, useState } from "react";
import { PasswordField } from "@/components/auth/password-field";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { Dialog, DialogActions, DialogTitle } from "@/components/ui/dialog";
import { useCurrentUpload } from "@/components/upload/current-upload";
import { useDeleteAccount } from "@/hooks/use-account";
import { submittedFields } from "@/lib/submitted-fields";
import { isRunning } from "@/lib/upload/rules/upload-state";
import { useAccountText } from "@/text/account-text";
import { AccountSection } from "./account-section";

export function DeleteAccount() {
  const t = useAccountText().account.delete;
  const [asking, setAsking] = useState(false);
  const remove = useDeleteAccount();
  const refusal = useRefusal(remove.error, "delete_account");
  const { state, uploader } = useCurrentUpload();

  function close() {
    setAsking(false);
    remove.reset();
  }

  function submit(event: FormEvent<HTMLFormElement>) {
    const password = submittedFields(event)("password");
    // The server removes the videos, those of open uploads too.
    remove.mutate({ password, onDeleted: () => void uploader?.abort() });
  }

  return (
    <AccountSection title={t.title} hint={t.hint}>
      <Button variant="secondary" className="mt-5 text-destructive" onClick={() => setAsking(true)}>
        {t.open}
      </Button>
      <Dialog open={asking} pending={remove.isPending} onClose={close} aria-labelledby="delete-account-title">
        <form method="post" onSubmit={submit} className="space-y-5">
          <div className="space-y-2 text-muted-foreground text-sm leading-relaxed">
            <DialogTitle id="delete-account-title" className="text-foreground">
              {t.question}
            </DialogTitle>
            <p>{t.text}</p>
            {isRunning(state) && <p>{t.uploadStops}</p>}
          </div>
          <PasswordField
            id="delete-password"
            autoComplete="current-password"
            data-autofocus
            {...refusal.marks("password")}
          />
          <RefusalNotice refusal={refusal} />
          <DialogActions>
            <Button variant="secondary" pending={remove.isPending} onClick={close}>
              {t.keep}
            </Button>
            <Button type="submit" variant="destructive" pending={remove.isPending}>
              {remove.isPending ? t.pending : t.confirm}
            </Button>
          </DialogActions>
        </form>
      </Dialog>
    </AccountSection>
  );
}
