// Lets a person choose several videos of a list.
import { useCallback, useMemo, useRef, useState } from "react";
import type { Video } from "@/lib/api/client";
import { withChoice } from "@/lib/list/selection";

export interface Selection {
  readonly chosen: readonly Video[];
  readonly isOpen: boolean;
  /** Show the checkboxes where there is no mouse to show them. */
  readonly open: () => void;
  readonly close: () => void;
  readonly choose: (id: string, isRange: boolean) => void;
  readonly chooseAll: () => void;
  readonly has: (id: string) => boolean;
}

/** Videos that leave the list are no longer chosen. */
export function useSelection(videos: readonly Video[], mayChoose: (video: Video) => boolean): Selection {
  const [ids, setIds] = useState<ReadonlySet<string>>(new Set());
  const [isOpen, setOpen] = useState(false);
  const last = useRef<string | null>(null);
  const chosen = useMemo(
    () => (ids.size === 0 ? [] : videos.filter((video) => ids.has(video.id) && mayChoose(video))),
    [videos, ids, mayChoose],
  );
  const order = useRef<readonly string[]>([]);
  order.current = videos.filter(mayChoose).map(({ id }) => id);

  const choose = useCallback((id: string, isRange: boolean) => {
    const from = isRange ? last.current : null;
    last.current = id;
    setIds((before) => withChoice(before, order.current, id, from));
  }, []);

  return {
    chosen,
    isOpen: isOpen || chosen.length > 0,
    open: () => setOpen(true),
    close: () => {
      setOpen(false);
      setIds(new Set());
    },
    choose,
    chooseAll: () => setIds(new Set(order.current)),
    has: (id) => ids.has(id),
  };
}
