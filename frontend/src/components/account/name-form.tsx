// Changes the name of the account.
"use client";

import { NAME_MAX } from "@/components/auth/register-form";
import { RefusalNotice, useRefusal } from "@/components/refusal";
import { Button } from "@/components/ui/button";
import { Card } from "@/components/ui/card";
import { Input } from "@/components/ui/input";
import { Label } from "@/components/ui/label";
import { useRename } from "@/hooks/use-account";
import { useSession } from "@/hooks/use-session";
import { useText } from "@/text/use-text";

export function NameForm() {
  const t = useText().account.name;
  const session = useSession();
  const rename = useRename();
  const refusal = useRefusal(rename.error, "name");
  const name = session.status === "signed_in" ? (session.user.full_name ?? "") : "";

  return (
    <Card className="p-6">
      <h2 className="font-semibold text-lg">{t.title}</h2>
      <form
        method="post"
        className="mt-4 max-w-md space-y-5"
        onSubmit={(event) => {
          event.preventDefault();
          rename.mutate(String(new FormData(event.currentTarget).get("full_name") ?? "").trim());
        }}
      >
        <div className="space-y-2">
          <Label htmlFor="full-name">{t.label}</Label>
          <Input
            id="full-name"
            name="full_name"
            autoComplete="name"
            maxLength={NAME_MAX}
            // Another tab may have changed it.
            key={name}
            defaultValue={name}
            {...refusal.marks("full_name")}
          />
          <p className="text-muted-foreground text-sm">{t.hint}</p>
        </div>
        <RefusalNotice refusal={refusal} />
        {rename.isSuccess && <p role="status">{t.saved}</p>}
        <Button type="submit" pending={rename.isPending}>
          {rename.isPending ? t.pending : t.submit}
        </Button>
      </form>
    </Card>
  );
}
