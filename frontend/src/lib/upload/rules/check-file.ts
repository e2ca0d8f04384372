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
  if (letters === 0)
    return uploadFailure("filename_invalid", "The file has no name. Rename it and choose it again.");
  if (letters > MAX_FILENAME_CHARACTERS)
    return uploadFailure(
      "filename_invalid",
      `The name of ${name} has ${letters} characters. Slipway accepts up to ${MAX_FILENAME_CHARACTERS}. Rename it and choose it again.`,
    );
  if (containerOfName(file.name, policy) === null) {
    const extension = extensionOf(file.name);
    const why = extension === "" ? "It has no file extension" : `It is a ${extension} file`;
    return uploadFailure(
      "unsupported_container",
      `${name} can't be uploaded. ${why}. ${accepted(policy, true)}`,
    );
  }
  if (file.size < 1) return uploadFailure("file_empty", `${name} is empty (0 bytes). Choose another file.`);
  const limit = policy.max_size_bytes;
  if (file.size > limit)
    return uploadFailure(
      "file_too_large",
      `${name} is ${sizeOver(file.size, limit)}. Slipway accepts up to ${formatBytes(limit)}. Choose a smaller file.`,
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
    const what = looksLike(leading);
    const why = what === null ? "Its first bytes are not those of a video" : `Its first bytes are ${what}`;
    return uploadFailure(
      "unsupported_container",
      `${name} is not a video. ${why}. ${accepted(policy, false)}`,
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

function accepted(policy: UploadPolicy, withExtensions: boolean): string {
  const names = policy.containers.map(({ container, extensions }) =>
    withExtensions ? `${spellContainer(container)} (${extensions.join(", ")})` : spellContainer(container),
  );
  // British English has no comma before "and".
  return `Slipway accepts ${new Intl.ListFormat("en-GB").format(names)}.`;
}

/** A file one byte over the limit must not read as "2 GiB", or it would seem to be within the limit. */
function sizeOver(size: number, limit: number): string {
  const shown = formatBytes(size);
  return shown === formatBytes(limit) ? `${shown} (${size.toLocaleString("en")} bytes)` : shown;
}
