"""Finds out how much of the media data that a `moov` describes is in the file (ISO/IEC 14496-12)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import islice

from mediaprobe.boxes import Box, boxes, u32
from mediaprobe.findings import Findings
from mediaprobe.movie_box import TOP_LEVEL
from mediaprobe.reader import Reader

# At most a few boxes are between `moov` and `mdat`.
_MAX_BEFORE_MEDIA = 16
# A file with the header first takes two requests. Only a file that seems too small is worth a third.
_FREE_REQUESTS = 2


def check_media(
    reader: Reader, moov: Box, before: Box | None, tables: Sequence[Box], findings: Findings, *, walked: bool
) -> None:
    """Set `truncated` and `available`. `before` is the first `mdat` before `moov`, and `tables` has each `stbl`.

    `walked` tells that all boxes before `moov` were seen.

    Only a file that is truncated or seems too small is worth a request.
    """
    media = (
        (before.body, before.stop)
        if before is not None
        else _following(reader, moov, findings, walked=walked)
    )
    last = _offsets(reader, tables, paid=False)[1]
    if last >= reader.size:
        findings.truncated = True
    if not findings.truncated or moov.cut:
        return
    if media is None:
        first, last, usual = _offsets(reader, tables, paid=True)
        begin, end = first, last + usual
    else:
        # More `mdat` may follow the ones that are here.
        begin, end = media[0], max(media[1], last)
    if end > begin:
        findings.available = Fraction(max(0, reader.size - begin), end - begin)


def _following(reader: Reader, moov: Box, findings: Findings, *, walked: bool) -> tuple[int, int] | None:
    """Return the range of the `mdat` boxes after the header. Set `truncated` if one is cut off or there is none."""
    spent = reader.spending.requests >= _FREE_REQUESTS
    if spent and not reader.has_cached(moov.end, 16) and not _is_too_small(reader, findings):
        return None
    media: tuple[int, int] | None = None
    end, known = moov.end, True
    for box in islice(boxes(reader, moov.end, reader.size), _MAX_BEFORE_MEDIA):
        end, known = box.end, known and box.type in TOP_LEVEL
        if box.type == b"mdat":
            findings.truncated = findings.truncated or box.cut
            media = (media[0] if media else box.body, box.stop)
        if reader.spending.requests >= _FREE_REQUESTS and not reader.has_cached(box.end, 16):
            return media
    # Boxes that were not seen, or a damaged size, may hide the media data.
    if media is None and walked and known and reader.size - end < 8:
        findings.truncated = True
    return media


def _is_too_small(reader: Reader, findings: Findings) -> bool:
    """Return whether the file is clearly smaller than its stated bit rates times its duration."""
    video, audio = findings.video, findings.audio
    if video is None or video.stated_bit_rate == 0 or findings.duration is None:
        return False
    stated = video.stated_bit_rate + (audio.stated_bit_rate if audio else 0)
    return reader.size * 8 < findings.duration * stated * Fraction(9, 10)


def _offsets(reader: Reader, tables: Iterable[Box], *, paid: bool) -> tuple[int, int, int]:
    """Return the offsets of the first and the last chunk, and the average length of one, or zeros.

    Unless `paid`, read only what costs no request.
    """
    spans = [span for stbl in tables if (span := _chunks(reader, stbl, paid=paid)) is not None]
    if not spans:
        return 0, 0, 0
    first, last = min(span[0] for span in spans), max(span[1] for span in spans)
    return first, last, (last - first) // max(span[2] for span in spans)


def _chunks(reader: Reader, stbl: Box, *, paid: bool) -> tuple[int, int, int] | None:
    """Return the offsets of the first and the last chunk and their number, from `stco` or `co64` (8.7.5)."""
    if not (paid or reader.has_cached(stbl.body, 16)):
        return None
    for box in boxes(reader, stbl.body, stbl.end):
        if box.type in (b"stco", b"co64"):
            width = 8 if box.type == b"co64" else 4
            count = min(u32(reader.read(box.body, 8), 4), (box.end - box.body - 8) // width)
            at = box.body + 8 + (count - 1) * width
            if count < 1 or not (paid or reader.has_cached(at, width)):
                return None
            first, last = (int.from_bytes(reader.read(place, width), "big") for place in (box.body + 8, at))
            return (first, last, count) if first <= last else None
        if not (paid or reader.has_cached(box.end, 16)):
            return None
    return None
