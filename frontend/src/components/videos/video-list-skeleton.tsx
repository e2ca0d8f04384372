import { Card } from "@/components/ui/card";
import { Skeleton } from "@/components/ui/skeleton";

const ROWS = ["first", "second", "third"];

export function VideoListSkeleton() {
  return (
    <Card className="divide-y">
      {ROWS.map((row) => (
        <div key={row} className="flex items-center gap-3.5 px-4 py-4 sm:px-5">
          <Skeleton className="size-10 rounded-lg!" />
          <div className="flex-1 space-y-2">
            <Skeleton className="h-4 w-2/5" />
            <Skeleton className="h-3.5 w-3/5" />
          </div>
          <Skeleton className="h-6 w-16 rounded-full!" />
        </div>
      ))}
    </Card>
  );
}
