import { CopyButton } from "@/components/copy-button";
import { Card } from "@/components/ui/card";
import type { Video } from "@/lib/api/client";
import { useVideoText } from "@/text/video-text";
import { allVideoFacts } from "./video-details";

export function VideoMetadata({ video }: { video: Video }) {
  const t = useVideoText();
  return (
    <section aria-labelledby="details-title" className="mt-8">
      <h2 id="details-title" className="mb-3 font-semibold text-lg tracking-tight">
        {t.video.details.title}
      </h2>
      <Card className="overflow-hidden">
        {/* The negative margin hides the top border of the first row. */}
        <dl className="-mt-px grid gap-x-10 px-5 sm:grid-cols-2">
          {allVideoFacts(t, video).map(({ name, value }) => (
            <div key={name} className="flex justify-between gap-6 border-t py-3 text-sm">
              <dt className="shrink-0 text-muted-foreground">{name}</dt>
              <dd className="min-w-0 break-words text-end tabular-nums">
                {/* "1920 × 1080" reads from left to right in every language. */}
                <bdi>{value}</bdi>
              </dd>
            </div>
          ))}
          <div className="flex flex-wrap items-center justify-between gap-x-6 border-t py-3 text-sm sm:col-span-2">
            <dt className="shrink-0 text-muted-foreground">{t.video.details.id}</dt>
            <dd className="flex min-w-0 flex-wrap items-center justify-end gap-2">
              <code translate="no" className="break-all text-xs">
                {video.id}
              </code>
              <CopyButton
                variant="ghost"
                size="sm"
                className="-my-2"
                makeText={() => video.id}
                texts={t.video.copyId}
              />
            </dd>
          </div>
        </dl>
      </Card>
      {video.status === "ready" && !video.metadata_complete && (
        <p className="mt-3 text-muted-foreground text-sm">{t.video.details.incomplete}</p>
      )}
    </section>
  );
}
