import { Card } from "@/components/ui/card";
import type { Video } from "@/lib/api/client";
import { allVideoFacts } from "./video-facts";

export function VideoMetadata({ video }: { video: Video }) {
  return (
    <section aria-labelledby="details-title" className="mt-8">
      <h2 id="details-title" className="mb-3 font-semibold text-lg tracking-tight">
        Details
      </h2>
      <Card className="overflow-hidden">
        {/* The negative margin hides the top border of the first row. */}
        <dl className="-mt-px grid gap-x-10 px-5 sm:grid-cols-2">
          {allVideoFacts(video).map(({ name, value }) => (
            <div key={name} className="flex justify-between gap-6 border-t py-3 text-sm">
              <dt className="shrink-0 text-muted-foreground">{name}</dt>
              <dd className="min-w-0 break-words text-right tabular-nums">{value}</dd>
            </div>
          ))}
        </dl>
      </Card>
      {video.status === "ready" && !video.metadata_complete && (
        <p className="mt-3 text-muted-foreground text-sm">
          Some details of this video couldn't be read. The file is stored as you uploaded it.
        </p>
      )}
    </section>
  );
}
