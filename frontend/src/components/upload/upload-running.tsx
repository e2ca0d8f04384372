// Shows the step, progress, speed and time left of a running upload.
"use client";

import { useEffect, useState } from "react";
import { ConfirmDialog } from "@/components/confirm-dialog";
import { Alert } from "@/components/ui/alert";
import { Button } from "@/components/ui/button";
import { Progress } from "@/components/ui/progress";
import { FileName } from "@/components/videos/file-name";
import type { Uploader } from "@/hooks/use-upload";
import type { UploadState, Waiting } from "@/lib/upload/types";
import type { VideosText } from "@/text/videos-text";
import { useVideosText } from "@/text/videos-text";
import { useCurrentUpload } from "./current-upload";
import { TellMeButton } from "./tell-me-button";
import { waitingSentence } from "./upload-announcement";

type RunningState = Extract<UploadState, { status: "checking" | "starting" | "sending" | "assembling" }>;

export function UploadRunning({ state, uploader }: { state: RunningState; uploader: Uploader }) {
  const t = useVideosText();
  const texts = t.upload;
  const { askSignIn, notifies, setNotifies } = useCurrentUpload();
  const [asking, setAsking] = useState(false);
  const waiting = state.status === "checking" ? null : state.waiting;
  const progress = state.status === "sending" ? state.progress : null;
  // Before the first byte, cancelling loses nothing.
  const cancel = () => ("progress" in state ? setAsking(true) : uploader.abort());

  return (
    <div className="p-5 sm:p-6">
      <div className="flex items-start justify-between gap-4">
        <div className="min-w-0">
          <p className="text-muted-foreground text-sm">{texts.steps[state.status]}</p>
          <FileName name={state.file.name} className="mt-0.5 font-medium text-lg" />
        </div>
        <Button variant="secondary" size="sm" onClick={cancel}>
          {texts.cancel}
        </Button>
      </div>
      <div className="mt-5 flex items-center gap-4">
        <Progress
          value={progress?.percent ?? null}
          tone={waiting === null ? "moving" : "waiting"}
          aria-label={texts.progressOf(state.file.name)}
          {...(state.status === "sending" ? { "aria-valuetext": valueText(t, state) } : {})}
        />
        {progress !== null && (
          <span className="min-w-12 shrink-0 text-end font-medium tabular-nums" aria-hidden="true">
            <Percent text={t.format.percent(progress.percent)} />
          </span>
        )}
      </div>
      <p className="mt-3 min-h-5 text-muted-foreground text-sm tabular-nums">
        <Detail state={state} />
      </p>
      <div className="mt-2">
        <TellMeButton asked={notifies} onAsked={setNotifies} />
      </div>
      {waiting !== null && (
        <Alert tone="warning" className="mt-4">
          <span>{waitingSentence(t, waiting)}</span>
          {waiting.reason === "retrying" && <RetryCount waiting={waiting} />}
          {askSignIn !== null && (
            <Button variant="secondary" size="sm" className="mt-3 flex! text-foreground" onClick={askSignIn}>
              {texts.signIn}
            </Button>
          )}
        </Alert>
      )}
      <ConfirmDialog
        open={asking}
        title={texts.cancelDialog.title}
        keep={texts.cancelDialog.keep}
        confirm={texts.cancelDialog.confirm}
        onClose={() => setAsking(false)}
        onConfirm={() => {
          setAsking(false);
          uploader.abort();
        }}
      >
        {texts.cancelDialog.text}
      </ConfirmDialog>
    </div>
  );
}

/** Count down to the next attempt. */
function RetryCount({ waiting }: { waiting: Extract<Waiting, { reason: "retrying" }> }) {
  const t = useVideosText();
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
        ? t.upload.attemptIn(waiting.attempt, t.format.secondsShort(seconds))
        : t.upload.attemptRuns(waiting.attempt)}
    </span>
  );
}

function Detail({ state }: { state: RunningState }) {
  const t = useVideosText();
  switch (state.status) {
    case "checking":
    case "starting":
      return <bdi>{t.format.bytes(state.file.sizeBytes)}</bdi>;
    case "sending": {
      const left = timeLeft(t, state);
      return (
        <>
          {/* A translator would fetch each of these figures anew. */}
          <span translate="no">{figures(t, state).join(" · ")}</span>
          {left !== null && <span>{` · ${left}`}</span>}
        </>
      );
    }
    case "assembling":
      return <span>{t.upload.allSent}</span>;
    default:
      return state satisfies never;
  }
}

type SendingState = Extract<RunningState, { status: "sending" | "assembling" }>;

/** Return the bytes sent, and the speed unless the upload waits. */
function figures(t: VideosText, { progress, waiting }: SendingState): string[] {
  const { bytesSent, bytesTotal, bytesPerSecond } = progress;
  const sent = t.upload.sentOf(t.format.bytes(bytesSent), t.format.bytes(bytesTotal));
  return waiting === null && bytesPerSecond !== null ? [sent, t.format.speed(bytesPerSecond)] : [sent];
}

function timeLeft(t: VideosText, { progress, waiting }: SendingState): string | null {
  return waiting === null && progress.etaSeconds !== null ? t.format.timeLeft(progress.etaSeconds) : null;
}

function valueText(t: VideosText, state: SendingState): string {
  const left = timeLeft(t, state);
  return [
    t.format.percent(state.progress.percent),
    ...figures(t, state),
    ...(left === null ? [] : [left]),
  ].join(", ");
}

/** Show digits and sign as elements of their own, so that a translator fetches the sign only once. */
function Percent({ text }: { text: string }) {
  const parts = text.split(/(\d+)/);
  // biome-ignore lint/suspicious/noArrayIndexKey: the parts never change places
  return parts.map((part, index) => <span key={index}>{part}</span>);
}
