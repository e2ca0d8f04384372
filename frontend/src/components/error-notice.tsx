// Shows a failed request with its reason, and offers what may help.

import { RotateCw } from "lucide-react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import type { ApiError } from "@/lib/api/errors";
import { type Place, problemOf } from "@/text/problems";
import { useText } from "@/text/use-text";

export function ErrorNotice({
  title,
  error,
  place,
  onRetry,
}: {
  title: string;
  error: ApiError;
  place: Place;
  onRetry: () => void;
}) {
  const t = useText();
  const { sentence, action } = problemOf(t, error, place);
  const offers = { retry: t.site.tryAgain, reload: t.site.reload } as const;
  const offered = action === "retry" || action === "reload" ? action : null;
  return (
    <Alert>
      <p className="font-medium">{title}</p>
      <p className="mt-0.5">{sentence}</p>
      {error.requestId !== null && <p className="mt-0.5 text-xs">{t.site.request(error.requestId)}</p>}
      {offered !== null && (
        <Button
          variant="secondary"
          size="sm"
          className="mt-3 text-foreground"
          onClick={() => (offered === "reload" ? location.reload() : onRetry())}
        >
          <RotateCw />
          <span>{offers[offered]}</span>
        </Button>
      )}
    </Alert>
  );
}
