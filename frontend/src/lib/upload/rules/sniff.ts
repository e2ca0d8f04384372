// Tells the container by a file's leading bytes: the same rules and test vectors as the server's mediaprobe/sniff.py.

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
const SEGMENT_BOXES = new Set(["styp", "sidx", "moof"]);
const QUICKTIME_ATOMS = new Set(["moov", "mdat", "wide", "free", "skip", "pnot"]);

/** The container of a file that begins with these bytes, or null for anything Slipway does not take. */
export function sniff(leading: Uint8Array): Container | null {
  const head = leading.subarray(0, SNIFF_BYTES);
  if (ascii(head, 0, 4) === "RIFF") return ascii(head, 8, 12) === "AVI " ? "avi" : null;
  if (startsWith(head, "\x1a\x45\xdf\xa3")) return ebml(head);
  return isoBaseMedia(head);
}

function isoBaseMedia(head: Uint8Array): Container | null {
  if (head.length < 12) return null;
  let size = bigEndian(head, 0, 4);
  let header = 8;
  const box = ascii(head, 4, 8);
  if (size === 1 && head.length >= 20) {
    size = bigEndian(head, 8, 16);
    header = 16;
  }
  if (box === "ftyp") {
    const brand = ascii(head, header, header + 4);
    if (size < header + 8 || size > MAX_FTYP || PICTURE_BRANDS.has(brand) || SOUND_BRANDS.has(brand))
      return null;
    return brand === "qt  " ? "mov" : "mp4";
  }
  if (SEGMENT_BOXES.has(box)) return size >= header && size <= MAX_FIRST_ATOM ? "mp4" : null;
  // QuickTime before 2001 has no ftyp and begins with one of its own atoms.
  if (!QUICKTIME_ATOMS.has(box)) return null;
  if (size === 0) return box === "moov" || box === "mdat" ? "mov" : null;
  return size >= header && (box === "mdat" || size <= MAX_FIRST_ATOM) ? "mov" : null;
}

/** Matroska and WebM are EBML (RFC 8794); the header's DocType tells which. */
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
  // A complete header without DocType: `matroska` was the default before RFC 8794.
  return offset === end && end <= head.length && header.size !== null ? "mkv" : null;
}

/** How many bytes an EBML id or size takes: the leading zero bits of its first byte, plus one. */
function ebmlLength(head: Uint8Array, offset: number, longest: number): number | null {
  const length = Math.clz32(head[offset] ?? 0) - 23;
  return length <= longest && offset + length <= head.length ? length : null;
}

/** An element's size (null = unknown, all ones) and where its payload begins. */
function ebmlSize(head: Uint8Array, offset: number): { size: number | null; payload: number } | null {
  const length = ebmlLength(head, offset, 8);
  if (length === null) return null;
  const ones = 2 ** (7 * length) - 1;
  // The marker bit goes first: with it, a 56-bit size would not fit a number and lose its last bits.
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

/** Only to name in the refusal what was chosen by mistake. */
const LOOKS_LIKE: readonly (readonly [magic: string, what: string])[] = [
  ["#EXTM3U", "an HLS playlist"],
  ["ffconcat", "a playlist"],
  ["\xff\xd8\xff", "a picture"],
  ["\x89PNG", "a picture"],
  ["GIF8", "a picture"],
  ["\0\0\0\x0cjP  ", "a picture"],
  ["\0\0\0\x0cJXL ", "a picture"],
  ["ID3", "a sound file"],
  ["fLaC", "a sound file"],
  ["OggS", "an Ogg file"],
  ["FLV\x01", "a Flash video"],
  ["\0\0\x01\xba", "an MPEG program stream"],
  ["\0\0\x01\xb3", "an MPEG video stream"],
  ["G@", "an MPEG transport stream"],
  ["\x30\x26\xb2\x75", "a Windows Media file"],
  ["PK\x03\x04", "an archive"],
  ["\x1f\x8b", "an archive"],
  ["%PDF", "a PDF document"],
  ["\x7fELF", "a program"],
  ["MZ", "a program"],
];

/** What these bytes seem to be, as in "its first bytes are ..."; null when they tell nothing. */
export function looksLike(leading: Uint8Array): string | null {
  if (ascii(leading, 4, 8) === "ftyp") {
    const brand = ascii(leading, 8, 12);
    if (PICTURE_BRANDS.has(brand)) return "those of a picture";
    if (SOUND_BRANDS.has(brand)) return "those of a sound file";
  }
  if (startsWith(leading, "RIFF"))
    return ascii(leading, 8, 12) === "WAVE" ? "those of a sound file" : "those of a picture";
  const known = LOOKS_LIKE.find(([magic]) => startsWith(leading, magic));
  if (known !== undefined) return `those of ${known[1]}`;
  const start = leading.subarray(0, 64);
  if (start.length > 0 && start.every((byte) => byte === 0)) return "all zero";
  const isText = start.length > 0 && start.every((byte) => byte >= 32 || (byte >= 9 && byte <= 13));
  return isText ? "text" : null;
}
