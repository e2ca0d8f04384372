// Formats the accepted types of the upload policy.
import type { UploadPolicy } from "@/lib/upload/types";
import type { Text } from "@/text/text";

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
export function acceptedNames({ format }: Text, policy: UploadPolicy): string {
  return format.or(policy.containers.map(({ container }) => format.spell(container)));
}
