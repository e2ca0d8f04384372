// An upload on its way: what is being done, how far it is, how long it will take, and the way out.
"use client";

import { useEffect, useState } from "react";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { FileName } from "@/components/videos/file-name";
import type { Uploader } from "@/hooks/use-upload";
import { formatBytes, formatSpeed, formatTimeLeft } from "@/lib/format";
import type { Progress as UploadProgress, UploadState, Waiting } from "@/lib/upload/types";
import { CancelUploadDialog } from "./cancel-upload-dialog";
import { waitingSentence } from "./upload-announcement";
import { useCurrentUpload } from "./upload-provider";

type RunningState = Extract<UploadState, { status: "checking" | "starting" | "sending" | "assembling" }>;

export function UploadRunning({ state, uploader }: { state: RunningState; uploader: Uploader }) {
  const { askSignIn } = useCurrentUpload();
  const [asking, setAsking] = useState(false);
  const waiting = state.status === "checking" ? null : state.waiting;
  const progress = state.status === "sending" ? state.progress : null;
  // Before the first byte there is nothing to lose, so nothing to ask.
  const cancel = () => ("progress" in state ? setAsking(true) : uploader.abort());

  return (
    <div className="p-5 sm:p-6">
      <div className="flex items-start justify-between gap-4">
        <div className="min-w-0">
          <p className="text-muted-foreground text-sm">{stageText(state)}</p>
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
          {...(progress === null ? {} : { "aria-valuetext": valueText(progress) })}
        />
        {progress !== null && (
          <span className="w-12 shrink-0 text-right font-medium tabular-nums" aria-hidden="true">
            {progress.percent} %
          </span>
        )}
      </div>
      <p className="mt-3 min-h-5 text-muted-foreground text-sm tabular-nums">{detailText(state)}</p>
      {waiting !== null && (
        <Alert tone="warning" className="mt-4">
          {waitingSentence(waiting)}
          {waiting.reason === "retrying" && <RetryCount waiting={waiting} />}
          {askSignIn !== null && (
            <Button variant="secondary" size="sm" className="mt-3 flex text-foreground" onClick={askSignIn}>
              Sign in
            </Button>
          )}
        </Alert>
      )}
      <CancelUploadDialog
        open={asking}
        onClose={() => setAsking(false)}
        onCancelUpload={() => {
          setAsking(false);
          uploader.abort();
        }}
      />
    </div>
  );
}

/** Counts down to the next try. Not said aloud: the sentence before it is enough. */
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
        ? ` Try ${waiting.attempt} begins in ${seconds} s.`
        : ` Try ${waiting.attempt} is on its way.`}
    </span>
  );
}

function stageText(state: RunningState): string {
  switch (state.status) {
    case "checking":
      return "Checking the file";
    case "starting":
      return "Starting";
    case "sending":
      return "Uploading";
    case "assembling":
      return "Assembling the video";
    default:
      return state satisfies never;
  }
}

function detailText(state: RunningState): string {
  switch (state.status) {
    case "checking":
    case "starting":
      return formatBytes(state.file.sizeBytes);
    case "sending":
      return [sentOfTotal(state.progress), ...speedAndTimeLeft(state)].join(" · ");
    case "assembling":
      return "All sent. The storage is putting the parts together.";
    default:
      return state satisfies never;
  }
}

function sentOfTotal({ bytesSent, bytesTotal }: UploadProgress): string {
  return `${formatBytes(bytesSent)} of ${formatBytes(bytesTotal)}`;
}

/** Nothing moves while the upload waits: a speed would be a lie. */
function speedAndTimeLeft({ progress, waiting }: Extract<RunningState, { status: "sending" }>): string[] {
  if (waiting !== null) return [];
  const { bytesPerSecond, etaSeconds } = progress;
  return [
    ...(bytesPerSecond === null ? [] : [formatSpeed(bytesPerSecond)]),
    ...(etaSeconds === null ? [] : [formatTimeLeft(etaSeconds)]),
  ];
}

function valueText(progress: UploadProgress): string {
  const { bytesPerSecond, etaSeconds } = progress;
  const words = [`${progress.percent} %`, sentOfTotal(progress)];
  if (bytesPerSecond !== null) words.push(formatSpeed(bytesPerSecond));
  if (etaSeconds !== null) words.push(formatTimeLeft(etaSeconds));
  return words.join(", ");
}
