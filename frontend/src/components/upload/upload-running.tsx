// Shows the step, progress, speed and time left of a running upload.
"use client";

import { useEffect, useState } from "react";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { FileName } from "@/components/videos/file-name";
import type { Uploader } from "@/hooks/use-upload";
import { formatBytes, formatSpeed, formatTimeLeft } from "@/lib/format";
import type { UploadState, Waiting } from "@/lib/upload/types";
import { waitingSentence } from "./upload-announcement";
import { useCurrentUpload } from "./upload-provider";

type RunningState = Extract<UploadState, { status: "checking" | "starting" | "sending" | "assembling" }>;

export function UploadRunning({ state, uploader }: { state: RunningState; uploader: Uploader }) {
  const { askSignIn } = useCurrentUpload();
  const [asking, setAsking] = useState(false);
  const waiting = state.status === "checking" ? null : state.waiting;
  const progress = state.status === "sending" ? state.progress : null;
  // Before the first byte, cancelling loses nothing.
  const cancel = () => ("progress" in state ? setAsking(true) : uploader.abort());

  return (
    <div className="p-5 sm:p-6">
      <div className="flex items-start justify-between gap-4">
        <div className="min-w-0">
          <p className="text-muted-foreground text-sm">{STEPS[state.status]}</p>
          <FileName name={state.file.name} className="mt-0.5 font-medium text-lg" />
        </div>
        <Button variant="secondary" size="sm" onClick={cancel}>
          Cancel
        </Button>
      </div>
      <div className="mt-5 flex items-center gap-4">
        <Progress
          value={progress?.percent ?? null}
          tone={waiting === null ? "moving" : "waiting"}
          aria-label={`Upload of ${state.file.name}`}
          {...(state.status === "sending" ? { "aria-valuetext": valueText(state) } : {})}
        />
        {progress !== null && (
          <span className="w-12 shrink-0 text-right font-medium tabular-nums" aria-hidden="true">
            <span>{progress.percent}</span>
            <span> %</span>
          </span>
        )}
      </div>
      <p className="mt-3 min-h-5 text-muted-foreground text-sm tabular-nums">
        <Detail state={state} />
      </p>
      {waiting !== null && (
        <Alert tone="warning" className="mt-4">
          <span>{waitingSentence(waiting)}</span>
          {waiting.reason === "retrying" && <RetryCount waiting={waiting} />}
          {askSignIn !== null && (
            <Button variant="secondary" size="sm" className="mt-3 flex text-foreground" onClick={askSignIn}>
              Sign in
            </Button>
          )}
        </Alert>
      )}
      <ConfirmDialog
        open={asking}
        title="Cancel this upload?"
        keep="Keep uploading"
        confirm="Cancel the upload"
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          uploader.abort();
        }}
      >
        What was sent is discarded. To upload the video later, you have to start again.
      </ConfirmDialog>
    </div>
  );
}

/** Count down to the next attempt. */
function RetryCount({ waiting }: { waiting: Extract<Waiting, { reason: "retrying" }> }) {
  const [seconds, setSeconds] = useState(0);

  useEffect(() => {
    const resumesAt = performance.now() + waiting.resumesInMs;
    const tick = () => setSeconds(Math.max(0, Math.ceil((resumesAt - performance.now()) / 1000)));
    tick();
    const timer = setInterval(tick, 250);
    return () => clearInterval(timer);
  }, [waiting]);

  return (
    <span className="tabular-nums">
      {seconds > 0
        ? ` Attempt ${waiting.attempt} starts in ${seconds} s.`
        : ` Attempt ${waiting.attempt} is running.`}
    </span>
  );
}

const STEPS: Readonly<Record<RunningState["status"], string>> = {
  checking: "Checking the file",
  starting: "Starting",
  sending: "Uploading",
  assembling: "Assembling the video",
};

function Detail({ state }: { state: RunningState }) {
  switch (state.status) {
    case "checking":
    case "starting":
      return <span>{formatBytes(state.file.sizeBytes)}</span>;
    case "sending": {
      const left = timeLeft(state);
      return (
        <>
          {/* A translator would fetch each of these figures anew. */}
          <span translate="no">{figures(state).join(" · ")}</span>
          {left !== null && <span>{` · ${left}`}</span>}
        </>
      );
    }
    case "assembling":
      return <span>All sent. The storage is assembling the parts.</span>;
    default:
      return state satisfies never;
  }
}

type SendingState = Extract<RunningState, { status: "sending" | "assembling" }>;

/** Return the bytes sent, and the speed unless the upload waits. */
function figures({ progress, waiting }: SendingState): string[] {
  const { bytesSent, bytesTotal, bytesPerSecond } = progress;
  const sent = `${formatBytes(bytesSent)} of ${formatBytes(bytesTotal)}`;
  return waiting === null && bytesPerSecond !== null ? [sent, formatSpeed(bytesPerSecond)] : [sent];
}

function timeLeft({ progress, waiting }: SendingState): string | null {
  return waiting === null && progress.etaSeconds !== null ? formatTimeLeft(progress.etaSeconds) : null;
}

function valueText(state: SendingState): string {
  const left = timeLeft(state);
  return [`${state.progress.percent} %`, ...figures(state), ...(left === null ? [] : [left])].join(", ");
}
