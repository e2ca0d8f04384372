// Checks a chosen file before anything is sent: name, size and extension first, then what its first bytes say.

import type { CreateVideo } from "../ports";
import type { UploadFailure, UploadPolicy } from "../types";
import { shownName, uploadFailure } from "./errors";
import { looksLike, sniff } from "./sniff";

const MAX_FILENAME_CHARACTERS = 255;

/** The same layout under two names: a file named as one may hold the other. */
const TWINS: ReadonlyMap<string, string> = new Map([
  ["mov", "mp4"],
  ["mkv", "webm"],
]);

type PolicyContainer = UploadPolicy["containers"][number];

export function checkFile(
  file: { readonly name: string; readonly size: number },
  policy: UploadPolicy,
): UploadFailure | null {
  const name = shownName(file.name);
  // Control characters, line separators and lone surrogates, as the server refuses them.
  if (/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u.test(file.name))
    return uploadFailure(
      "filename_invalid",
      "The file's name holds invisible control characters. Rename it and choose it again.",
    );
  const letters = [...cleanName(file.name)].length;
  if (letters === 0)
    return uploadFailure("filename_invalid", "The file has no name. Rename it and choose it again.");
  if (letters > MAX_FILENAME_CHARACTERS)
    return uploadFailure(
      "filename_invalid",
      `The name of ${name} is ${letters} characters long; ${MAX_FILENAME_CHARACTERS} are the most. Rename it and choose it again.`,
    );
  if (containerOfName(file.name, policy) === null) {
    const extension = extensionOf(file.name);
    const why = extension === "" ? "its name has no ending that tells" : `it is a ${extension} file`;
    return uploadFailure(
      "unsupported_container",
      `${name} is not a video Slipway takes: ${why}. ${takes(policy, true)}`,
    );
  }
  if (file.size < 1)
    return uploadFailure("file_empty", `${name} is empty (0 bytes). Choose a video that has content.`);
  if (file.size > policy.max_size_bytes)
    return uploadFailure(
      "file_too_large",
      `${name} is ${readableBytes(file.size)}; Slipway takes up to ${readableBytes(policy.max_size_bytes)}. Choose a smaller file or shorten the video.`,
    );
  return null;
}

/** After checkFile: does the content belong to the name? `leading` is the file's first 4 KiB. */
export function checkContent(
  file: { readonly name: string },
  leading: Uint8Array,
  policy: UploadPolicy,
): UploadFailure | null {
  const name = shownName(file.name);
  const found = sniff(leading);
  const taken = policy.containers.find(({ container }) => container === found);
  if (taken === undefined) {
    const what = looksLike(leading);
    const why = what === null ? "its first bytes are not those of a video" : `its first bytes are ${what}`;
    return uploadFailure("unsupported_container", `${name} is not a video: ${why}. ${takes(policy, false)}`);
  }
  const named = containerOfName(file.name, policy);
  if (named !== null && familyOf(named) === familyOf(taken)) return null;
  return uploadFailure(
    "content_type_mismatch",
    `${name} is named ${extensionOf(file.name)}, but its content is ${shown(taken)}. Rename it so that it ends in ${taken.extensions[0]}, and choose it again.`,
  );
}

/** With the type of the extension, not File.type: that one is empty for A.MOV and differs by operating system. */
export function createRequest(
  file: { readonly name: string; readonly size: number },
  policy: UploadPolicy,
): CreateVideo {
  return {
    filename: cleanName(file.name),
    size_bytes: file.size,
    content_type: containerOfName(file.name, policy)?.content_types[0] ?? "application/octet-stream",
  };
}

/** As the server keeps it. */
export function cleanName(filename: string): string {
  return filename.normalize("NFC").trim();
}

function containerOfName(filename: string, policy: UploadPolicy): PolicyContainer | null {
  const extension = extensionOf(filename);
  return policy.containers.find((taken) => taken.extensions.includes(extension)) ?? null;
}

/** ".mp4" of "A.MP4"; empty where there is none (".mp4" alone is a hidden file without extension). */
export function extensionOf(filename: string): string {
  const name = cleanName(filename);
  const dot = name.lastIndexOf(".");
  return dot > 0 ? name.slice(dot).toLowerCase() : "";
}

function familyOf({ container }: PolicyContainer): string {
  return TWINS.get(container) ?? container;
}

function shown({ container }: PolicyContainer): string {
  return container === "webm" ? "WebM" : container.toUpperCase();
}

function takes(policy: UploadPolicy, withExtensions: boolean): string {
  const names = policy.containers.map((taken) =>
    withExtensions ? `${shown(taken)} (${taken.extensions.join(", ")})` : shown(taken),
  );
  // British: no comma before "and".
  return `Slipway takes ${new Intl.ListFormat("en-GB").format(names)}.`;
}

function readableBytes(count: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let size = count;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const rounded = Number(size.toFixed(2));
  // A file one byte over the limit must not read as "2 GiB; Slipway takes up to 2 GiB".
  const hidesLittle = rounded !== size && Math.abs(rounded - size) < 1e-4;
  return `${rounded} ${units[unit]}${hidesLittle ? ` (${count.toLocaleString("en")} bytes)` : ""}`;
}
