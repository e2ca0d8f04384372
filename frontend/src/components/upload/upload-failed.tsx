// Explains a failed upload and offers every way to continue.
"use client";

import { X } from "lucide-react";
import { useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { FileName } from "@/components/videos/file-name";
import type { Uploader } from "@/hooks/use-upload";
import { useDeleteVideo } from "@/hooks/use-videos";
import type { UploadPolicy, UploadState } from "@/lib/upload/types";
import { failureText } from "@/text/failure-text";
import { useText } from "@/text/use-text";
import { ChooseFileButton } from "./choose-file-button";
import { CopyReportButton } from "./copy-report-button";

export function UploadFailed({
  state,
  uploader,
  policy,
}: {
  state: Extract<UploadState, { status: "failed" }>;
  uploader: Uploader;
  policy: UploadPolicy;
}) {
  const t = useText();
  const texts = t.upload.failed;
  const { error, file } = state;
  const tooMany = error.code === "too_many_uploads" && error.openVideoIds.length > 0;
  return (
    <div className="p-5 sm:p-6">
      <div className="flex items-start justify-between gap-4">
        <div className="min-w-0">
          <p className="text-muted-foreground text-sm">{texts.title}</p>
          <FileName name={file.name} className="mt-0.5 font-medium text-lg" />
        </div>
        <Button
          variant="ghost"
          size="icon"
          aria-label={texts.close}
          title={texts.close}
          onClick={() => uploader.reset()}
        >
          <X />
        </Button>
      </div>
      <Alert className="mt-4">
        {failureText(t, error.reason, state.videoId === null ? "create" : "send")}
      </Alert>
      {tooMany && <p className="mt-3 text-muted-foreground text-sm">{texts.discardWarning}</p>}
      <div className="mt-5 flex flex-wrap items-center gap-3">
        {tooMany ? (
          <DiscardOpenUploads ids={error.openVideoIds} onDiscarded={() => uploader.retry()} />
        ) : (
          error.retryable && <Button onClick={() => uploader.retry()}>{t.site.tryAgain}</Button>
        )}
        <ChooseFileButton policy={policy} variant={error.retryable ? "secondary" : "primary"}>
          {texts.chooseAnother}
        </ChooseFileButton>
        <CopyReportButton makeReport={() => uploader.failureReport()} />
      </div>
    </div>
  );
}

/** Offer to delete unfinished uploads, because they count against the limit. */
function DiscardOpenUploads({ ids, onDiscarded }: { ids: readonly string[]; onDiscarded: () => void }) {
  const texts = useText().upload.failed;
  const remove = useDeleteVideo();
  const [problem, setProblem] = useState<string | null>(null);

  async function discard() {
    setProblem(null);
    const results = await Promise.allSettled(ids.map((id) => remove.mutateAsync(id)));
    if (results.some(({ status }) => status === "rejected")) {
      setProblem(texts.notDiscarded);
    } else {
      onDiscarded();
    }
  }

  return (
    <>
      <Button pending={remove.isPending} onClick={() => void discard()}>
        {remove.isPending ? texts.discarding : texts.discard(ids.length)}
      </Button>
      {problem !== null && <Alert className="order-last w-full">{problem}</Alert>}
    </>
  );
}
