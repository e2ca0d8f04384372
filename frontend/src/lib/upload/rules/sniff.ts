// Detects the container by a file's first bytes, with the rules and test vectors of the server's mediaprobe/sniff.py.

export type Container = "mp4" | "mov" | "avi" | "webm" | "mkv";

export const SNIFF_BYTES = 4096;

const MAX_FTYP = 64 * 1024;
/** Sizes are bounded, or the sentence "The free software" would be an atom of 1.4 GB. */
const MAX_FIRST_ATOM = 128 * 1024 * 1024;

// Registered at mp4ra.org. A still picture or a sound file is a valid ISO base media file and no video.
const PICTURE_BRANDS = new Set(
  "heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1 avci avcs avif avis j2ki j2is jpeg jpgs vvic".split(
    " ",
  ),
).add("crx ");
const SOUND_BRANDS = new Set(["M4A ", "M4B ", "M4P ", "F4A ", "F4B "]);
/** The first boxes of JPEG 2000 and JPEG XL. */
const PICTURE_BOXES = new Set(["jP  ", "JXL "]);
const SEGMENT_BOXES = new Set(["styp", "sidx", "moof"]);
const QUICKTIME_ATOMS = new Set("moov mdat wide free skip pnot junk uuid udta prfl PICT pict".split(" "));
// The second form begins a file that was split, and some recorders write the third. FFmpeg reads both.
const AVI_FORMS = new Set(["AVI ", "AVIX", "AVI\x19"]);

/** The container of a file that begins with these bytes, or null if Slipway does not accept it. */
export function sniff(leading: Uint8Array): Container | null {
  const head = leading.subarray(0, SNIFF_BYTES);
  if (ascii(head, 0, 4) === "RIFF") return AVI_FORMS.has(ascii(head, 8, 12)) ? "avi" : null;
  if (startsWith(head, "\x1a\x45\xdf\xa3")) return ebml(head);
  return isoBaseMedia(head);
}

/** Other boxes may come first, because FFmpeg skips them. */
function isoBaseMedia(head: Uint8Array): Container | null {
  for (let rest = head; rest.length >= 12; rest = rest.subarray(bigEndian(rest, 0, 4))) {
    const found = firstBox(rest);
    if (found !== null) return found === "refused" ? null : found;
    if (bigEndian(rest, 0, 4) < 8 || PICTURE_BOXES.has(ascii(rest, 4, 8))) return null;
  }
  return null;
}

/** The container that the first box shows, "refused" if it is none of ours, or null if it does not show any. */
function firstBox(head: Uint8Array): Container | "refused" | null {
  let size = bigEndian(head, 0, 4);
  let header = 8;
  const box = ascii(head, 4, 8);
  if (size === 1 && head.length >= 20) {
    size = bigEndian(head, 8, 16);
    header = 16;
  }
  if (box === "ftyp") {
    const brand = ascii(head, header, header + 4);
    if (size < header + 8 || size > MAX_FTYP) return null;
    if (PICTURE_BRANDS.has(brand) || SOUND_BRANDS.has(brand)) return "refused";
    return brand === "qt  " ? "mov" : "mp4";
  }
  if (SEGMENT_BOXES.has(box)) return size >= header && size <= MAX_FIRST_ATOM ? "mp4" : null;
  // QuickTime before 2001 has no ftyp and begins with one of its own atoms.
  if (!QUICKTIME_ATOMS.has(box)) return null;
  if (size === 0) return box === "moov" || box === "mdat" ? "mov" : null;
  return size >= header && (box === "mdat" || size <= MAX_FIRST_ATOM) ? "mov" : null;
}

/** Matroska and WebM are EBML (RFC 8794). The header's DocType tells which. */
function ebml(head: Uint8Array): Container | null {
  const header = ebmlSize(head, 4);
  if (header === null) return null;
  const end = header.size === null ? head.length : header.payload + header.size;
  let offset = header.payload;
  while (offset < end) {
    const idLength = ebmlLength(head, offset, 4);
    const element = idLength === null ? null : ebmlSize(head, offset + idLength);
    if (idLength === null || element === null || element.size === null) return null;
    const payloadEnd = element.payload + element.size;
    if (idLength === 2 && head[offset] === 0x42 && head[offset + 1] === 0x82) {
      if (payloadEnd > head.length) return null;
      const docType = ascii(head, element.payload, payloadEnd).replace(/\0+$/, "");
      return docType === "webm" ? "webm" : docType === "matroska" ? "mkv" : null;
    }
    offset = payloadEnd;
  }
  // Before RFC 8794, `matroska` was the default of a header without DocType.
  return offset === end && end <= head.length && header.size !== null ? "mkv" : null;
}

/** An EBML id or size has as many bytes as its first byte has leading zero bits, plus one. */
function ebmlLength(head: Uint8Array, offset: number, longest: number): number | null {
  const length = Math.clz32(head[offset] ?? 0) - 23;
  return length <= longest && offset + length <= head.length ? length : null;
}

/** An element's size (null = unknown, all ones) and where its payload begins. */
function ebmlSize(head: Uint8Array, offset: number): { size: number | null; payload: number } | null {
  const length = ebmlLength(head, offset, 8);
  if (length === null) return null;
  const ones = 2 ** (7 * length) - 1;
  // With the marker bit, a 56-bit size would not fit a number and lose its last bits.
  const leadingBits = (head[offset] ?? 0) & (0xff >> length);
  const value = leadingBits * 256 ** (length - 1) + bigEndian(head, offset + 1, offset + length);
  return { size: value >= ones ? null : value, payload: offset + length };
}

function bigEndian(bytes: Uint8Array, start: number, end: number): number {
  return bytes.subarray(start, end).reduce((value, byte) => value * 256 + byte, 0);
}

function ascii(bytes: Uint8Array, start: number, end: number): string {
  return String.fromCharCode(...bytes.subarray(start, end));
}

function startsWith(bytes: Uint8Array, magic: string): boolean {
  return ascii(bytes, 0, magic.length) === magic;
}

/** What a refused file may be, each with the first bytes that show it. */
const LOOKS = [
  ["playlist", "#EXTM3U", "ffconcat"],
  ["picture", "\xff\xd8\xff", "\x89PNG", "GIF8", "\0\0\0\x0cjP  ", "\0\0\0\x0cJXL "],
  ["sound", "ID3", "fLaC"],
  ["ogg", "OggS"],
  ["flash", "FLV\x01"],
  ["mpeg_stream", "\0\0\x01\xba", "\0\0\x01\xb3", "G@"],
  ["windows_media", "\x30\x26\xb2\x75"],
  ["archive", "PK\x03\x04", "\x1f\x8b"],
  ["pdf", "%PDF"],
  ["program", "\x7fELF", "MZ"],
] as const;

/** What the first bytes of a file are that is no video. */
export type Look = (typeof LOOKS)[number][0] | "zeros" | "text" | "unknown";

/** Returns what these bytes seem to be. */
export function looksLike(leading: Uint8Array): Look {
  const look = knownLook(leading);
  if (look !== undefined) return look;
  const start = leading.subarray(0, 64);
  if (start.every((byte) => byte === 0)) return "zeros";
  return start.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13)) ? "text" : "unknown";
}

function knownLook(leading: Uint8Array): Look | undefined {
  const brand = ascii(leading, 8, 12);
  if (ascii(leading, 4, 8) === "ftyp") {
    if (PICTURE_BRANDS.has(brand)) return "picture";
    if (SOUND_BRANDS.has(brand)) return "sound";
  }
  if (startsWith(leading, "RIFF")) return brand === "WAVE" ? "sound" : "picture";
  return LOOKS.find(([, ...magics]) => magics.some((magic) => startsWith(leading, magic)))?.[0];
}
