// Downloads the account's data as a JSON file.
"use client";

import { Download } from "lucide-react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { useExport } from "@/hooks/use-account";
import { useAccountText } from "@/text/account-text";
import { problemOf } from "@/text/problems";
import { AccountSection } from "./account-section";

export function OwnData() {
  const t = useAccountText();
  const texts = t.account.data;
  const data = useExport();
  const count = t.videos.count(data.count, t.format.number(data.count));
  return (
    <AccountSection title={texts.title} hint={texts.hint}>
      {data.isError && <Alert className="mt-4">{problemOf(t, data.error, "export").sentence}</Alert>}
      <div className="mt-5 flex flex-wrap items-center gap-x-4 gap-y-2">
        <Button
          variant="secondary"
          pending={data.isPending}
          onClick={() => data.mutate(undefined, { onSuccess: (text) => save(text) })}
        >
          <Download />
          <span>{data.isPending ? texts.exporting(count) : texts.export}</span>
        </Button>
        <p role="status" className="text-sm">
          {data.isSuccess ? texts.exported : ""}
        </p>
      </div>
    </AccountSection>
  );
}

function save(text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = `slipway-${new Date().toISOString().slice(0, 10)}.json`;
  link.click();
  // A browser reads the blob after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
