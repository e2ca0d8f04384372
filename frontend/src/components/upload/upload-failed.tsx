// Explains a failed upload and offers every way to continue.
"use client";

import { useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { useListView } from "@/hooks/use-list-view";
import type { Uploader } from "@/hooks/use-upload";
import { useDeleteVideo } from "@/hooks/use-videos";
import { ALL_VIDEOS } from "@/lib/list/view";
import type { FailureReason, UploadPolicy, UploadState } from "@/lib/upload/types";
import { failureText } from "@/text/failure-text";
import { problemOf } from "@/text/problems";
import { useVideosText } from "@/text/videos-text";
import { ChooseFileButton } from "./choose-file-button";
import { CopyReportButton } from "./copy-report-button";
import { FailedHeader } from "./failed-header";

export function UploadFailed({
  state,
  uploader,
  policy,
}: {
  state: Extract<UploadState, { status: "failed" }>;
  uploader: Uploader;
  policy: UploadPolicy;
}) {
  const t = useVideosText();
  const texts = t.upload.failed;
  const { error, file } = state;
  const tooMany = error.code === "too_many_uploads" && error.openVideoIds.length > 0;
  const place = state.videoId === null ? "create" : "send";
  const action = error.reason.kind === "api" ? problemOf(t, error.reason, place).action : null;
  return (
    <div className="p-5 sm:p-6">
      <FailedHeader name={file.name} mayBeComplete={state.mayBeComplete} onClose={() => uploader.reset()} />
      <Alert className="mt-4">{failureText(t, error.reason, place)}</Alert>
      {tooMany && <p className="mt-3 text-muted-foreground text-sm">{texts.discardWarning}</p>}
      <div className="mt-5 flex flex-wrap items-center gap-3">
        {tooMany ? (
          <DiscardOpenUploads ids={error.openVideoIds} onDiscarded={() => uploader.retry()} />
        ) : (
          error.retryable && <Button onClick={() => uploader.retry()}>{t.site.tryAgain}</Button>
        )}
        {action === "reload" && <Button onClick={() => location.reload()}>{t.site.reload}</Button>}
        {action === "make_room" && !tooMany && <ShowLargest />}
        <ChooseFileButton
          policy={policy}
          variant={error.retryable || action === "reload" ? "secondary" : "primary"}
        >
          {texts.chooseAnother}
        </ChooseFileButton>
        {!isAboutFile(error.reason) && <CopyReportButton makeReport={() => uploader.failureReport()} />}
      </div>
    </div>
  );
}

/** Lead to the videos whose deletion makes most room. */
function ShowLargest() {
  const t = useVideosText();
  const [, changeView] = useListView();
  return (
    <Button
      variant="secondary"
      onClick={() => {
        changeView({ ...ALL_VIDEOS, sort: "largest" });
        document.getElementById("videos-title")?.focus();
      }}
    >
      {t.upload.failed.showLargest}
    </Button>
  );
}

/** The person can see what is wrong with the file. A report would tell support nothing. */
function isAboutFile({ kind }: FailureReason): boolean {
  return ABOUT_FILE.has(kind);
}

const ABOUT_FILE: ReadonlySet<FailureReason["kind"]> = new Set([
  "name_has_controls",
  "name_too_long",
  "extension_unknown",
  "file_empty",
  "file_too_large",
  "no_video",
  "named_otherwise",
]);

/** Offer to delete unfinished uploads, because they count against the limit. */
function DiscardOpenUploads({ ids, onDiscarded }: { ids: readonly string[]; onDiscarded: () => void }) {
  const texts = useVideosText().upload.failed;
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
