"""Prints the metadata of files and URLs. The exit code is 1 if any of them failed."""

from __future__ import annotations

import argparse
import http.client
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from mediaprobe import BudgetExceeded, FileSource, HttpSource, Metadata, ProbeError, probe

_COLUMNS = ("source", "container", "duration", "size", "video", "audio", "fps", "notes")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="mediaprobe", description="Read video metadata with a few range requests."
    )
    parser.add_argument("sources", nargs="+", metavar="FILE|URL")
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per line, in the order of the arguments"
    )
    options = parser.parse_args(arguments)
    failed = False
    rows: list[tuple[str, ...]] = []
    for source in options.sources:
        found = _probe(source)
        failed = failed or isinstance(found, _Failure)
        if options.json:
            sys.stdout.write(json.dumps(_as_json(source, found), ensure_ascii=False) + "\n")
        else:
            rows.append(_as_row(source, found))
    if rows:
        _write_table(rows)
    return 1 if failed else 0


@dataclass(frozen=True, slots=True)
class _Failure:
    code: str
    detail: str
    # What was read before a limit was reached
    partial: Metadata | None = None


def _probe(source: str) -> Metadata | _Failure:
    try:
        if source.startswith(("http://", "https://")):
            with HttpSource(source) as url:
                return probe(url)
        with FileSource(source) as file:
            return probe(file)
    except BudgetExceeded as error:
        return _Failure(error.code, error.detail, error.partial)
    except ProbeError as error:
        return _Failure(error.code, error.detail)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return _Failure("source_unavailable", f"The source cannot be read ({error}).")


def _as_json(source: str, found: Metadata | _Failure) -> dict[str, object]:
    if isinstance(found, _Failure):
        known = {} if found.partial is None else found.partial.as_json()
        return {"source": source, **known, "error": {"code": found.code, "detail": found.detail}}
    return {"source": source, **found.as_json()}


def _as_row(source: str, found: Metadata | _Failure, no_sound: str = "silent") -> tuple[str, ...]:
    if isinstance(found, _Failure):
        if found.partial is None:
            return (source, "-", "-", "-", "-", "-", "-", found.detail)
        return (*_as_row(source, found.partial, no_sound="-")[:-1], found.detail)
    size = "-" if found.width is None else f"{found.width}x{found.height}"
    notes = [f"rotated {found.rotation}"] if found.rotation else []
    notes += [found.hdr.upper()] if found.hdr in ("pq", "hlg") else []
    notes += ["Dolby Vision"] if found.dolby_vision else []
    notes += ["fragmented"] if found.fragmented else []
    notes += ["truncated"] if found.truncated else []
    return (
        source,
        found.container,
        "-" if found.duration_seconds is None else f"{found.duration_seconds:.3f} s",
        size,
        found.video_codec or "-",
        found.audio_codec or no_sound,
        "-" if found.frame_rate is None else f"{found.frame_rate:g}",
        ", ".join(notes),
    )


def _write_table(rows: list[tuple[str, ...]]) -> None:
    widths = [max(len(row[column]) for row in [_COLUMNS, *rows]) for column in range(len(_COLUMNS))]
    for row in [_COLUMNS, *rows]:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        sys.stdout.write(line.rstrip() + "\n")


if __name__ == "__main__":
    sys.exit(main())
