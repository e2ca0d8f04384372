// Shows the upload in each of its states.
"use client";

import { type RefObject, useEffect, useRef } from "react";
import { ErrorNotice } from "@/components/error-notice";
import { Alert } from "@/components/ui/alert";
import { Card } from "@/components/ui/card";
import { CloseButton } from "@/components/ui/close-button";
import { Skeleton } from "@/components/ui/skeleton";
import { useUploadPolicy } from "@/hooks/use-upload-policy";
import { isRunning } from "@/lib/upload/rules/upload-state";
import { useVideosText } from "@/text/videos-text";
import { refusalSentence } from "./choose-file";
import { useCurrentUpload } from "./current-upload";
import { FilePicker } from "./file-picker";
import { UploadDone } from "./upload-done";
import { UploadFailed } from "./upload-failed";
import { UploadRunning } from "./upload-running";

export function UploadCard() {
  const t = useVideosText();
  const policy = useUploadPolicy();
  const { state, uploader, notice, closeNotice } = useCurrentUpload();
  const card = useRef<HTMLElement>(null);
  useFocusOnResult(card, isRunning(state), state.status);

  return (
    <section ref={card} tabIndex={-1} aria-labelledby="upload-title" data-upload-status={state.status}>
      <h2 id="upload-title" className="sr-only">
        {t.upload.title}
      </h2>
      <Card>
        {content()}
        {notice !== null && (
          <div
            className={
              state.status === "idle" || state.status === "aborted"
                ? "px-2 pb-2"
                : "px-5 pb-5 sm:px-6 sm:pb-6"
            }
          >
            <Alert>
              <div className="flex items-start justify-between gap-3">
                <span>{refusalSentence(t, notice)}</span>
                <CloseButton
                  className="-my-1.5 -me-2 text-current!"
                  label={t.upload.refused.close}
                  onClick={closeNotice}
                />
              </div>
            </Alert>
          </div>
        )}
      </Card>
    </section>
  );

  function content() {
    if (policy.data === undefined || uploader === null) {
      if (policy.error !== null) {
        return (
          <div className="p-5 sm:p-6">
            <ErrorNotice
              title={t.upload.unavailable}
              error={policy.error}
              place="policy"
              onRetry={() => void policy.refetch()}
            />
          </div>
        );
      }
      return <UploadCardSkeleton />;
    }
    switch (state.status) {
      case "idle":
        return <FilePicker policy={policy.data} />;
      case "aborted":
        return <FilePicker policy={policy.data} cancelled={state.file.name} />;
      case "checking":
      case "starting":
      case "sending":
      case "assembling":
        return <UploadRunning state={state} uploader={uploader} />;
      case "done":
        return <UploadDone video={state.video} policy={policy.data} />;
      case "failed":
        return <UploadFailed state={state} uploader={uploader} policy={policy.data} />;
      default:
        return state satisfies never;
    }
  }
}

export function UploadCardSkeleton() {
  return (
    <div className="flex flex-col items-center gap-4 px-6 py-10 sm:py-12">
      <Skeleton className="size-12 rounded-full!" />
      <Skeleton className="h-5 w-64 max-w-full" />
      <Skeleton className="h-11 w-40 rounded-lg!" />
      <Skeleton className="h-4 w-56 max-w-full" />
    </div>
  );
}

/** Focus the result when an upload ends, because the buttons that had the focus are gone. */
function useFocusOnResult(card: RefObject<HTMLElement | null>, active: boolean, status: string): void {
  const wasActive = useRef(active);
  useEffect(() => {
    const ended = wasActive.current && !active;
    wasActive.current = active;
    const element = card.current;
    if (!ended || element === null || status === "idle") return;
    const focused = document.activeElement;
    // A user who works elsewhere on the page keeps the focus.
    if (focused === null || focused === document.body || element.contains(focused)) element.focus();
  }, [active, status, card]);
}
