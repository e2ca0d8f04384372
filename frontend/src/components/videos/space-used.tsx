// Tells how much of the account's space is used.
"use client";

import { useSession } from "@/hooks/use-session";
import { useVideosText } from "@/text/videos-text";

export function SpaceUsed() {
  const t = useVideosText();
  const session = useSession();
  if (session.status !== "signed_in" || session.user.quota_bytes === 0) return null;
  const { reserved_bytes: used, quota_bytes: quota } = session.user;
  return (
    <div className="flex items-center gap-2.5 text-muted-foreground text-sm tabular-nums">
      {/* The text says the same. */}
      <meter aria-hidden="true" className="space-meter w-20" min={0} max={quota} value={used} />
      <span>{t.videos.space(t.format.bytes(used), t.format.bytes(quota))}</span>
    </div>
  );
}
