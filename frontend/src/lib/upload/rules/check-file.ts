// Checks a chosen file's name, size, extension and first bytes before anything is sent.
import { REFUSED_CHARACTERS } from "../../refused-characters";
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
  const shown = shownName(file.name);
  // `test` would begin where it ended last, because the pattern is global.
  if (file.name.search(REFUSED_CHARACTERS) >= 0)
    return uploadFailure("filename_invalid", { kind: "name_has_controls" });
  const name = cleanName(file.name, policy);
  const letters = [...name].length;
  if (letters > MAX_FILENAME_CHARACTERS)
    return uploadFailure("filename_invalid", {
      kind: "name_too_long",
      name: shown,
      length: letters,
      limit: MAX_FILENAME_CHARACTERS,
    });
  const extension = extensionOf(name);
  if (extension !== "" && containerOfName(name, policy) === undefined)
    return uploadFailure("unsupported_container", {
      kind: "extension_unknown",
      name: shown,
      extension,
      accepted: policy.containers,
    });
  if (file.size < 1) return uploadFailure("file_empty", { kind: "file_empty", name: shown });
  const limit = policy.max_size_bytes;
  if (file.size > limit)
    return uploadFailure("file_too_large", {
      kind: "file_too_large",
      name: shown,
      sizeBytes: file.size,
      limitBytes: limit,
    });
  return null;
}

/** Call it after checkFile, to see whether the content fits the name. `leading` is the file's first 4 KiB. */
export function checkContent(
  file: { readonly name: string },
  leading: Uint8Array,
  policy: UploadPolicy,
): UploadFailure | null {
  const shown = shownName(file.name);
  const content = containerOfContent(leading, policy);
  if (content === undefined) {
    return uploadFailure("unsupported_container", {
      kind: "no_video",
      name: shown,
      looksLike: looksLike(leading),
      accepted: policy.containers,
    });
  }
  const name = cleanName(file.name, policy);
  const extension = extensionOf(name);
  if (extension === "" || containerOfName(name, policy)?.family === content.family) return null;
  return uploadFailure("content_type_mismatch", {
    kind: "named_otherwise",
    name: shown,
    extension,
    container: content.container,
    rightExtension: content.extensions[0] ?? "",
  });
}

/** Call it after checkContent. Android's pickers give names like "1000012345". The content gives them an extension. */
export function completeName(filename: string, leading: Uint8Array, policy: UploadPolicy): string {
  const name = cleanName(filename, policy);
  if (extensionOf(name) !== "") return name;
  const extension = containerOfContent(leading, policy)?.extensions[0] ?? "";
  const letters = [...(name || "video")].slice(0, MAX_FILENAME_CHARACTERS - extension.length);
  return letters.join("") + extension;
}

/** The type comes from the extension. File.type is empty for A.MOV and differs by operating system. */
export function createRequest(
  { name, file }: { readonly name: string; readonly file: { readonly size: number } },
  policy: UploadPolicy,
): CreateVideo {
  return {
    filename: name,
    size_bytes: file.size,
    content_type: containerOfName(name, policy)?.content_types[0] ?? "",
  };
}

/** The name as the server stores it. Marks that nobody sees don't hide an accepted extension. */
export function cleanName(filename: string, policy: UploadPolicy): string {
  const name = filename
    .normalize("NFC")
    .trim()
    .replace(/[\s.\p{Cf}]+$/u, "");
  const plain = name.replace(/\.[^.]+$/, (extension) => extension.replace(/[\xa0\p{Cf}]/gu, ""));
  return containerOfName(plain, policy) === undefined ? name : plain;
}

/** Takes a clean name, as `extensionOf` does. */
export function containerOfName(name: string, policy: UploadPolicy): PolicyContainer | undefined {
  const extension = extensionOf(name);
  return policy.containers.find(({ extensions }) => extensions.includes(extension));
}

/** ".mp4" of "A.MP4". Empty for ".mp4", which is a hidden file, for "Trip 1.5 km" and for "12.05.2024". */
export function extensionOf(name: string): string {
  return /.(\.[^\s.]*[^\s.\d][^\s.]*)$/.exec(name)?.[1]?.toLowerCase() ?? "";
}

function containerOfContent(leading: Uint8Array, policy: UploadPolicy): PolicyContainer | undefined {
  const found = sniff(leading);
  return policy.containers.find(({ container }) => container === found);
}
