// Shows a failed request with its reason and a retry button.
import { RotateCw } from "lucide-react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import type { ApiError } from "@/lib/api/errors";

export function ErrorNotice({
  title,
  error,
  onRetry,
}: {
  title: string;
  error: ApiError;
  onRetry: () => void;
}) {
  return (
    <Alert>
      <p className="font-medium">{title}</p>
      <p className="mt-0.5">{error.detail}</p>
      {error.requestId !== null && <p className="mt-0.5 text-xs">{`Request ${error.requestId}`}</p>}
      <Button variant="secondary" size="sm" className="mt-3 text-foreground" onClick={onRetry}>
        <RotateCw />
        <span>Try again</span>
      </Button>
    </Alert>
  );
}
