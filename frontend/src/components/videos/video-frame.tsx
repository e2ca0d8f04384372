// Keeps the room of a video's picture, so that nothing moves when the picture loads or fails to.
import type { CSSProperties, ReactNode } from "react";
import type { Video } from "@/lib/api/client";
import { cn } from "@/lib/cn";

const USUAL_RATIO = 16 / 9;

/**
 * Return the size of a picture of the video's proportions, as wide as there is room and at most as high as the window
 * without the header. `svh` stays the same while a phone's browser hides its address bar.
 */
export function pictureStyle({ width, height }: Pick<Video, "width" | "height">): CSSProperties {
  const ratio = width && height ? width / height : USUAL_RATIO;
  return { aspectRatio: ratio, width: `min(100%, (100svh - 6rem) * ${ratio})` };
}

/** Show `children` where the picture would be. */
export function VideoFrame({
  video,
  className,
  children,
}: {
  video: Pick<Video, "width" | "height">;
  className?: string;
  children: ReactNode;
}) {
  return (
    <div
      className={cn(
        "grid grid-cols-[minmax(0,1fr)] place-items-center overflow-hidden rounded-xl border bg-muted/50 *:col-start-1 *:row-start-1",
        className,
      )}
    >
      <div aria-hidden="true" style={pictureStyle(video)} />
      {children}
    </div>
  );
}
