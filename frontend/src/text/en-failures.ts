// Why an upload failed, in English.
import type { Format } from "@/lib/format";
import type { Look } from "@/lib/upload/rules/sniff";
import type { FailureReason } from "@/lib/upload/types";

type Of<K extends FailureReason["kind"]> = Extract<FailureReason, { kind: K }>;

/** Why an upload failed, where no code of the API says it. */
export const failures = {
  theFile: "The file",
  name_has_controls: () => "The file's name contains control characters. Rename it and choose it again.",
  name_too_long: ({ name, length, limit }: Of<"name_too_long">) =>
    `The name of ${name} has ${length} characters. Slipway accepts up to ${limit}. Rename it and choose it again.`,
  extension_unknown: ({ name, extension }: Of<"extension_unknown">, _: Format, accepted: string) =>
    `${name} can't be uploaded. It is a ${extension} file. Slipway accepts ${accepted}.`,
  file_empty: ({ name }: Of<"file_empty">) =>
    `${name} is empty (0 bytes). If it is kept in a cloud, download it to this device. Then choose it again.`,
  // With the bytes, a file one byte over 2 GiB does not seem to be within the limit.
  file_too_large: ({ name, sizeBytes, limitBytes }: Of<"file_too_large">, format: Format) =>
    `${name} is ${format.bytes(sizeBytes)} (${format.exactBytes(sizeBytes)}). Slipway accepts up to ${format.bytes(limitBytes)}. Choose a smaller file.`,
  no_video: ({ name, looksLike }: Of<"no_video">, _: Format, accepted: string) =>
    `${name} is not a video that Slipway accepts. Its first bytes are ${LOOKS[looksLike]}. Slipway accepts ${accepted}.`,
  named_otherwise: ({ name, extension, container, rightExtension }: Of<"named_otherwise">, format: Format) =>
    `${name} is named ${extension}, but its content is ${format.spell(container)}. Rename it so that it ends in ${rightExtension}, then choose it again.`,
  file_changed: ({ name }: Of<"file_changed">) =>
    `${name} changed on your disk during the upload. Wait until no program writes to it, then choose it again.`,
  file_unreadable: ({ name }: Of<"file_unreadable">) =>
    `${name} can't be read. Its drive may be away, or a program moved, deleted or rewrote it. Put it back and try again, or choose it again.`,
  unreachable: ({ server, status }: Of<"unreachable">) => {
    const what = status === 0 ? "can't be reached" : `keeps answering with an error (${status})`;
    return `${server === "slipway" ? "Slipway" : "The storage"} ${what}. Check your connection and try again. The upload continues where it stopped.`;
  },
  still_completing: () =>
    "Your file is uploaded, but processing is taking longer than usual. Try again in a few minutes.",
  upload_gone: () => "This upload was deleted or has expired. Try again to send it from the start.",
  upload_lost: () => "The storage no longer has this upload. Try again to send it from the start.",
  storage_blocked: ({ by }: Of<"storage_blocked">) =>
    `${by ?? "An extension, a company network or a CORS rule"} seems to block the storage. Try another browser or network, or tell the operator.`,
  request_too_large: () =>
    "A proxy or security program seems to limit the size of requests to the storage. Try another browser or network, or tell the operator.",
  storage_refused: ({ status, storeCode }: Of<"storage_refused">) =>
    `The storage refused a part of the file (${storeCode ?? `status ${status}`}). Try again. If it fails again, send the report to support.`,
  data_damaged: () =>
    "A part of the file keeps arriving damaged, or a program rewrites the file. Try again on another network, without a proxy or a virus scanner.",
  page_failed: ({ error }: Of<"page_failed">) =>
    `Something went wrong in this page (${error}). Try again. If it fails again, send the report to support.`,
};

const LOOKS: Readonly<Record<Look, string>> = {
  playlist: "those of a playlist",
  picture: "those of a picture",
  sound: "those of a sound file",
  ogg: "those of an Ogg file",
  flash: "those of a Flash video",
  mpeg_stream: "those of an MPEG stream",
  windows_media: "those of a Windows Media file",
  archive: "those of an archive",
  pdf: "those of a PDF document",
  program: "those of a program",
  zeros: "all zero",
  text: "text",
  unknown: "not those of a video",
};
