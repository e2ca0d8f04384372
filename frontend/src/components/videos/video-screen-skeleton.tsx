import { Skeleton } from "@/components/ui/skeleton";

export function VideoScreenSkeleton() {
  return (
    <div>
      <Skeleton className="aspect-video w-full rounded-xl" />
      <Skeleton className="mt-6 h-8 w-2/3" />
      <Skeleton className="mt-3 h-6 w-20 rounded-full" />
    </div>
  );
}
