// Changes the name of the account.
"use client";

import { useEffect, useRef } from "react";
import { NameField } from "@/components/auth/name-field";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { useRename } from "@/hooks/use-account";
import { useSession } from "@/hooks/use-session";
import { submittedFields } from "@/lib/submitted-fields";
import { useAccountText } from "@/text/account-text";
import { AccountSection } from "./account-section";

export function NameForm() {
  const t = useAccountText().account.name;
  const session = useSession();
  const rename = useRename();
  const refusal = useRefusal(rename.error, "name");
  const name = session.status === "signed_in" ? (session.user.full_name ?? "") : "";
  const form = useRef<HTMLFormElement>(null);

  // Show the name as it was saved, here or in another tab. A new field would lose the focus.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the form is reset when the name changes
  useEffect(() => form.current?.reset(), [name]);

  return (
    <AccountSection title={t.title}>
      <form
        ref={form}
        method="post"
        className="mt-4 max-w-md space-y-5"
        onSubmit={(event) => rename.mutate(submittedFields(event)("full_name").trim())}
      >
        <NameField label={t.label} hint={t.hint} defaultValue={name} {...refusal.marks("full_name")} />
        <RefusalNotice refusal={refusal} />
        {rename.isSuccess && <p role="status">{t.saved}</p>}
        <Button type="submit" pending={rename.isPending}>
          {rename.isPending ? t.pending : t.submit}
        </Button>
      </form>
    </AccountSection>
  );
}
