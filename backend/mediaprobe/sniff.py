"""Tells the container by a file's leading bytes; names and content types are never asked.

`tests/vectors/leading_bytes.json` holds the same rules as examples, and the page's check reads it too.
The rules, in order:

1. `RIFF....AVI ` is avi. Every other RIFF form (WAVE, WEBP, ...) is refused.
2. `1A 45 DF A3` is EBML (RFC 8794); its header's DocType decides: `webm`, `matroska` (mkv), others refused.
   A complete header without DocType is mkv: `matroska` was the default before RFC 8794.
3. An ISO base media file (ISO/IEC 14496-12, 4.3) begins with `ftyp` of 16 bytes to 64 KiB. Its major brand
   decides: `qt  ` is mov, the brands of pictures and sound alone are refused, all others are mp4.
   A lone segment (`styp`, `sidx`, `moof` first) is mp4.
4. QuickTime before 2001 has no `ftyp` and begins with one of its own atoms: mov. The sizes are bounded, or
   the sentence "The free software" would be an atom of 1.4 GB.
"""

from __future__ import annotations

from typing import Literal

from mediaprobe.errors import FileEmpty, UnsupportedContainer

Container = Literal["mp4", "mov", "avi", "webm", "mkv"]

SNIFF_BYTES = 4096

_EBML_HEADER = b"\x1a\x45\xdf\xa3"
_DOC_TYPE = b"\x42\x82"

_MAX_FTYP = 64 * 1024
_MAX_FIRST_ATOM = 128 * 1024 * 1024

# Registered at mp4ra.org. A still picture or a sound file is a valid ISO base media file and no video.
_PICTURE_BRANDS = frozenset(
    b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1 avci avcs avif avis jpeg jpgs vvic".split()
) | {b"crx "}
_SOUND_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})

_SEGMENT_BOXES = frozenset({b"styp", b"sidx", b"moof"})
_QUICKTIME_ATOMS = frozenset({b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"})
_TO_THE_END_ATOMS = frozenset({b"moov", b"mdat"})

# Only to name in the refusal what the user chose by mistake.
_LOOKS_LIKE = (
    (b"#EXTM3U", "an HLS playlist"),
    (b"ffconcat", "a playlist"),
    (b"v=0", "a stream description"),
    (b"<", "a text document"),
    (b"{", "a text document"),
    (b"\xff\xd8\xff", "a picture"),
    (b"\x89PNG", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x00\x00\x00\x0cjP  ", "a picture"),
    (b"\x00\x00\x00\x0cJXL ", "a picture"),
    (b"ID3", "a sound file"),
    (b"fLaC", "a sound file"),
    (b"OggS", "an Ogg file"),
    (b"FLV\x01", "a Flash video"),
    (b"\x00\x00\x01\xba", "an MPEG program stream"),
    (b"\x00\x00\x01\xb3", "an MPEG video stream"),
    (b"G@", "an MPEG transport stream"),
    (b"\x30\x26\xb2\x75", "a Windows Media file"),
    (b"PK\x03\x04", "an archive"),
    (b"\x1f\x8b", "an archive"),
    (b"%PDF", "a PDF document"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a script"),
)

_ADVICE = "Choose an MP4, MOV, AVI, WebM or MKV video."


def sniff(leading: bytes) -> Container:
    """The container of a file that begins with these bytes; only the first 4 KiB count."""
    head = leading[:SNIFF_BYTES]
    if not head:
        raise FileEmpty(f"The file is empty. {_ADVICE}")
    if head[:4] == b"RIFF":
        return _riff(head)
    if head[:4] == _EBML_HEADER:
        return _ebml(head)
    found = _iso_base_media(head)
    if found is None:
        raise _refused(next((what for magic, what in _LOOKS_LIKE if head.startswith(magic)), None))
    return found


def _refused(what: str | None) -> UnsupportedContainer:
    if what is None:
        return UnsupportedContainer(f"The file is not in a video format we know. {_ADVICE}")
    return UnsupportedContainer(f"The file is {what}, not a video we can take. {_ADVICE}")


def _riff(head: bytes) -> Container:
    form = head[8:12]
    if form == b"AVI ":
        return "avi"
    raise _refused({b"WAVE": "a sound file", b"WEBP": "a picture"}.get(form))


def _ebml(head: bytes) -> Container:
    header = _ebml_size(head, 4)
    if header is None:
        raise _refused(None)
    size, offset = header
    end = len(head) if size is None else offset + size
    while offset < end:
        id_length = _ebml_length(head, offset, longest=4)
        if id_length is None:
            break
        element = _ebml_size(head, offset + id_length)
        if element is None or element[0] is None:
            break
        size, payload = element[0], element[1]
        if head[offset : offset + id_length] == _DOC_TYPE:
            value = head[payload : payload + size]
            if len(value) < size:
                break
            return _doc_type(value.rstrip(b"\0"))
        offset = payload + size
    if offset == end and end <= len(head) and header[0] is not None:
        return "mkv"
    raise _refused(None)


def _doc_type(value: bytes) -> Container:
    if value == b"webm":
        return "webm"
    if value == b"matroska":
        return "mkv"
    raise _refused(None)


def _ebml_length(head: bytes, offset: int, longest: int) -> int | None:
    """How many bytes an EBML id or size takes: the leading zero bits of its first byte, plus one."""
    first = head[offset] if offset < len(head) else 0
    length = 9 - first.bit_length()
    return length if length <= longest and offset + length <= len(head) else None


def _ebml_size(head: bytes, offset: int) -> tuple[int | None, int] | None:
    """An element's size (None = unknown, all ones) and where its payload begins."""
    length = _ebml_length(head, offset, longest=8)
    if length is None:
        return None
    ones = (1 << (7 * length)) - 1
    value = int.from_bytes(head[offset : offset + length], "big") & ones
    return (None if value == ones else value), offset + length


def _iso_base_media(head: bytes) -> Container | None:
    if len(head) < 12:
        return None
    size, box, header = int.from_bytes(head[:4], "big"), head[4:8], 8
    if size == 1 and len(head) >= 20:
        size, header = int.from_bytes(head[8:16], "big"), 16
    if box == b"ftyp":
        return _brand(head[header : header + 4]) if header + 8 <= size <= _MAX_FTYP else None
    if box in _SEGMENT_BOXES:
        return "mp4" if header <= size <= _MAX_FIRST_ATOM else None
    if box not in _QUICKTIME_ATOMS:
        return None
    if size == 0:
        return "mov" if box in _TO_THE_END_ATOMS else None
    # Media data may be of any size; printable text has no zero byte to make a small one.
    bounded = box == b"mdat" or size <= _MAX_FIRST_ATOM
    return "mov" if size >= header and bounded else None


def _brand(major: bytes) -> Container:
    if major == b"qt  ":
        return "mov"
    if major in _PICTURE_BRANDS:
        raise _refused("a picture")
    if major in _SOUND_BRANDS:
        raise _refused("a sound file")
    return "mp4"
