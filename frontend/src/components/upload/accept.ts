// Formats the accepted types of the upload policy.
import { joinWithOr, spell } from "@/lib/format";
import type { UploadPolicy } from "@/lib/upload/types";

/**
 * Return the `accept` attribute of a file input. It lists types and extensions, because a browser may know only one.
 * With `video/*`, a phone offers its videos, whose names may have no extension.
 */
export function acceptAttribute(policy: UploadPolicy): string {
  const known = policy.containers.flatMap(({ content_types: types, extensions }) => [
    ...types,
    ...extensions,
  ]);
  return ["video/*", ...known].join(",");
}

/** "MP4, MOV, AVI, WebM or MKV". */
export function acceptedNames(policy: UploadPolicy): string {
  return joinWithOr(policy.containers.map(({ container }) => spell(container)));
}
