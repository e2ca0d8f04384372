// Reads the upload policy for people and for the file chooser.
import { joinWithOr, spell } from "@/lib/format";
import type { UploadPolicy } from "@/lib/upload/types";

/** The `accept` of a file input: types and extensions, as browsers know some files by one only. */
export function acceptAttribute(policy: UploadPolicy): string {
  return policy.containers
    .flatMap(({ content_types: types, extensions }) => [...types, ...extensions.map(withDot)])
    .join(",");
}

/** "MP4, MOV, AVI, WebM or MKV". */
export function acceptedNames(policy: UploadPolicy): string {
  return joinWithOr(policy.containers.map(({ container }) => spell(container)));
}

function withDot(extension: string): string {
  return extension.startsWith(".") ? extension : `.${extension}`;
}
