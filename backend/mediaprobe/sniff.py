"""Detects the container from a file's leading bytes, never from its name or content type.

`tests/vectors/leading_bytes.json` has examples of the rules, and also tests the page's check. The rules apply in
this order.

1. `RIFF....AVI ` is avi, and so are two forms that some recorders write. Every other RIFF form (WAVE, WEBP, ...) is
   rejected.
2. `1A 45 DF A3` is EBML (RFC 8794). The DocType `webm` is webm and `matroska` is mkv. Others are rejected. A complete
   header without DocType is mkv, because `matroska` was the default before RFC 8794.
3. An ISO base media file (ISO/IEC 14496-12, 4.3) begins with `ftyp` of 16 bytes to 64 KiB. The major brand `qt  ` is
   mov, brands of images and audio are rejected, and all others are mp4. A lone segment, which begins with `styp`,
   `sidx` or `moof`, is mp4.
   A video track added to an .m4a may keep the brand of audio. It is rejected all the same, because otherwise every
   .m4a would be uploaded in full before the server refuses it.
4. QuickTime before 2001 has no `ftyp` and begins with one of its own atoms, which is mov. The sizes are limited,
   because the sentence "The free software" would otherwise be an atom of 1.4 GB.
5. Before one of the boxes of rules 3 and 4, others may stand in the first 4 KiB, because FFmpeg skips them. An `ftyp`
   of an invalid size counts as one of them. The first boxes of images do not.
"""

from __future__ import annotations

from typing import Literal

from mediaprobe.errors import FileEmpty, UnsupportedContainer

Container = Literal["mp4", "mov", "avi", "webm", "mkv"]

SNIFF_BYTES = 4096

# The first list of a file that was split, and the form of some recorders. FFmpeg reads both.
_AVI_FORMS = frozenset({b"AVI ", b"AVIX", b"AVI\x19"})

_EBML_HEADER = b"\x1a\x45\xdf\xa3"
_DOC_TYPE = b"\x42\x82"

_MAX_FTYP = 64 * 1024
_MAX_FIRST_ATOM = 128 * 1024 * 1024

# Registered at mp4ra.org. An image or an audio file may be a valid ISO base media file.
_IMAGE_BRANDS = frozenset(
    b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 msf1 avci avcs avif avis j2ki j2is jpeg jpgs vvic".split()
) | {b"crx "}
_AUDIO_BRANDS = frozenset({b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B "})

# The first boxes of JPEG 2000 (ISO/IEC 15444-1, I.5.1) and JPEG XL (ISO/IEC 18181-2).
_IMAGE_BOXES = frozenset({b"jP  ", b"JXL "})
_SEGMENT_BOXES = frozenset({b"styp", b"sidx", b"moof"})
_QUICKTIME_ATOMS = frozenset(b"moov mdat wide free skip pnot junk uuid udta prfl PICT pict".split())
_TO_THE_END_ATOMS = frozenset({b"moov", b"mdat"})

# Used only to say in the error what the user chose by mistake.
_LOOKS_LIKE = (
    (b"#EXTM3U", "an HLS playlist"),
    (b"ffconcat", "a playlist"),
    (b"v=0", "a stream description"),
    (b"<", "a text document"),
    (b"{", "a text document"),
    (b"\xff\xd8\xff", "an image"),
    (b"\x89PNG", "an image"),
    (b"GIF8", "an image"),
    (b"\x00\x00\x00\x0cjP  ", "an image"),
    (b"\x00\x00\x00\x0cJXL ", "an image"),
    (b"ID3", "an audio file"),
    (b"fLaC", "an audio file"),
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
    """Return the container of a file that begins with these bytes, of which only the first 4 KiB count."""
    head = leading[:SNIFF_BYTES]
    if not head:
        raise FileEmpty(f"The file is empty. {_ADVICE}")
    if head[:4] == b"RIFF":
        return _riff(head)
    if head[:4] == _EBML_HEADER:
        return _ebml(head)
    found = _iso_base_media(head)
    if found is None:
        raise _unsupported(next((what for magic, what in _LOOKS_LIKE if head.startswith(magic)), None))
    return found


def _unsupported(what: str | None) -> UnsupportedContainer:
    if what is None:
        return UnsupportedContainer(f"The file is not in a supported video format. {_ADVICE}")
    return UnsupportedContainer(f"The file is {what}, not a supported video. {_ADVICE}")


def _riff(head: bytes) -> Container:
    form = head[8:12]
    if form in _AVI_FORMS:
        return "avi"
    raise _unsupported({b"WAVE": "an audio file", b"WEBP": "an image"}.get(form))


def _ebml(head: bytes) -> Container:
    header = _ebml_size(head, 4)
    if header is None:
        raise _unsupported(None)
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
    raise _unsupported(None)


def _doc_type(value: bytes) -> Container:
    if value == b"webm":
        return "webm"
    if value == b"matroska":
        return "mkv"
    raise _unsupported(None)


def _ebml_length(head: bytes, offset: int, longest: int) -> int | None:
    """Return the length of an EBML ID or size, which is the number of leading zero bits plus one."""
    first = head[offset] if offset < len(head) else 0
    length = 9 - first.bit_length()
    return length if length <= longest and offset + length <= len(head) else None


def _ebml_size(head: bytes, offset: int) -> tuple[int | None, int] | None:
    """Return an element's size, None if unknown (all ones), and the offset of its payload."""
    length = _ebml_length(head, offset, longest=8)
    if length is None:
        return None
    ones = (1 << (7 * length)) - 1
    value = int.from_bytes(head[offset : offset + length], "big") & ones
    return (None if value == ones else value), offset + length


def _iso_base_media(head: bytes) -> Container | None:
    while len(head) >= 12:
        found = _first_box(head)
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        if found is not None or size < 8 or kind in _IMAGE_BOXES:
            return found
        head = head[size:]
    return None


def _first_box(head: bytes) -> Container | None:
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
    # Media data may have any size. Printable text has no zero bytes, so its size is never small.
    bounded = box == b"mdat" or size <= _MAX_FIRST_ATOM
    return "mov" if size >= header and bounded else None


def _brand(major: bytes) -> Container:
    if major == b"qt  ":
        return "mov"
    if major in _IMAGE_BRANDS:
        raise _unsupported("an image")
    if major in _AUDIO_BRANDS:
        raise _unsupported("an audio file")
    return "mp4"
