// Checks a chosen file's name, size, extension and first bytes before anything is sent.
import { formatBytes, spellContainer } from "../../format";
import type { CreateVideo } from "../ports";
import type { UploadFailure, UploadPolicy } from "../types";
import { shownName, uploadFailure } from "./errors";
import { looksLike, sniff } from "./sniff";

const MAX_FILENAME_CHARACTERS = 255;

type PolicyContainer = UploadPolicy["containers"][number];

export function checkFile(
  file: { readonly name: string; readonly size: number },
  policy: UploadPolicy,
): UploadFailure | null {
  const name = shownName(file.name);
  // The server refuses control characters, line separators and lone surrogates.
  if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(file.name))
    return uploadFailure(
      "filename_invalid",
      "The file's name contains control characters. Rename it and choose it again.",
    );
  const letters = [...cleanName(file.name)].length;
  if (letters > MAX_FILENAME_CHARACTERS)
    return uploadFailure(
      "filename_invalid",
      `The name of ${name} has ${letters} characters. Slipway accepts up to ${MAX_FILENAME_CHARACTERS}. Rename it and choose it again.`,
    );
  if (containerOfName(file.name, policy) === null) {
    const extension = extensionOf(file.name);
    const why = extension === "" ? "It has no file extension" : `It is a ${extension} file`;
    return uploadFailure("unsupported_container", `${name} can't be uploaded. ${why}. ${accepted(policy)}`);
  }
  if (file.size < 1) return uploadFailure("file_empty", `${name} is empty (0 bytes). Choose another file.`);
  const limit = policy.max_size_bytes;
  // With the bytes, a file one byte over 2 GiB does not seem to be within the limit.
  if (file.size > limit)
    return uploadFailure(
      "file_too_large",
      `${name} is ${formatBytes(file.size)} (${file.size.toLocaleString("en")} bytes). Slipway accepts up to ${formatBytes(limit)}. Choose a smaller file.`,
    );
  return null;
}

/** Call it after checkFile, to see whether the content fits the name. `leading` is the file's first 4 KiB. */
export function checkContent(
  file: { readonly name: string },
  leading: Uint8Array,
  policy: UploadPolicy,
): UploadFailure | null {
  const name = shownName(file.name);
  const found = sniff(leading);
  const content = policy.containers.find(({ container }) => container === found);
  if (content === undefined) {
    return uploadFailure(
      "unsupported_container",
      `${name} is not a video. Its first bytes are ${looksLike(leading)}. ${accepted(policy)}`,
    );
  }
  if (containerOfName(file.name, policy)?.family === content.family) return null;
  return uploadFailure(
    "content_type_mismatch",
    `${name} is named ${extensionOf(file.name)}, but its content is ${spellContainer(content.container)}. Rename it so that it ends in ${content.extensions[0]}, then choose it again.`,
  );
}

/** The type comes from the extension. File.type is empty for A.MOV and differs by operating system. */
export function createRequest(
  file: { readonly name: string; readonly size: number },
  policy: UploadPolicy,
): CreateVideo {
  return {
    filename: cleanName(file.name),
    size_bytes: file.size,
    content_type: containerOfName(file.name, policy)?.content_types[0] ?? "",
  };
}

/** The name as the server stores it. */
export function cleanName(filename: string): string {
  return filename.normalize("NFC").trim();
}

export function containerOfName(filename: string, policy: UploadPolicy): PolicyContainer | null {
  const extension = extensionOf(filename);
  return policy.containers.find(({ extensions }) => extensions.includes(extension)) ?? null;
}

/** ".mp4" of "A.MP4". Empty if there is none (".mp4" alone is a hidden file without extension). */
export function extensionOf(filename: string): string {
  const name = cleanName(filename);
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot).toLowerCase() : "";
}

function accepted(policy: UploadPolicy): string {
  const names = policy.containers.map(
    ({ container, extensions }) => `${spellContainer(container)} (${extensions.join(", ")})`,
  );
  // British English has no comma before "and".
  return `Slipway accepts ${new Intl.ListFormat("en-GB").format(names)}.`;
}
