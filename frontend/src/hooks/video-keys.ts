// The keys under which the query cache holds videos.
import type { ListView } from "@/lib/list/view";

export const videoKeys = {
  all: ["videos"] as const,
  lists: ["videos", "list"] as const,
  list: (view: ListView) => ["videos", "list", view] as const,
  refreshes: ["videos", "refresh"] as const,
  refresh: (view: ListView) => ["videos", "refresh", view] as const,
  one: (id: string) => ["videos", "one", id] as const,
};
