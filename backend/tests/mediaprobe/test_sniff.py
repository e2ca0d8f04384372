"""Detects containers by the vectors that also test the page's check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediaprobe import SNIFF_BYTES, BytesSource, FileEmpty, ProbeError, UnsupportedContainer, probe, sniff


class Vector(TypedDict):
    name: str
    hex: str
    container: str | None
    refusal: str | None


VECTORS: list[Vector] = json.loads((Path(__file__).parents[1] / "vectors" / "leading_bytes.json").read_text())


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_detects_container_of_vector(vector: Vector) -> None:
    container: str | None = None
    refusal: str | None = None
    try:
        container = sniff(bytes.fromhex(vector["hex"]))
    except ProbeError as error:
        refusal = error.code
    assert (container, refusal) == (vector["container"], vector["refusal"])


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["refusal"]], ids=lambda vector: vector["name"])
def test_probe_rejects_what_sniff_rejects(vector: Vector) -> None:
    with pytest.raises(UnsupportedContainer) as refused:
        probe(BytesSource(bytes.fromhex(vector["hex"])))
    # `probe` has no code of its own for an empty file.
    assert refused.value.code == "unsupported_container"


def test_vector_names_are_unique() -> None:
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)


def test_empty_file_has_own_code() -> None:
    with pytest.raises(FileEmpty):
        sniff(b"")


def test_ignores_bytes_after_4_kib() -> None:
    late = b"\x1a\x45\xdf\xa3" + b"\x50\x00" + b"\xec\x4f\xf0" + bytes(SNIFF_BYTES) + b"\x42\x82\x84webm"
    with pytest.raises(UnsupportedContainer):
        sniff(late)


@pytest.mark.parametrize(
    ("leading", "word"),
    [
        (b"#EXTM3U\n", "playlist"),
        (b"RIFF\x04\x00\x00\x00WAVEfmt ", "audio"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", "image"),
    ],
)
def test_error_names_kind_of_file(leading: bytes, word: str) -> None:
    with pytest.raises(UnsupportedContainer) as refused:
        sniff(leading)
    assert word in refused.value.detail
    assert "MP4" in refused.value.detail


_STARTS = (b"", b"RIFF", b"\x1a\x45\xdf\xa3", b"\0\0\0\x18ftyp", b"\0\0\x10\0moov")


@given(st.binary(max_size=64), st.sampled_from(_STARTS))
def test_any_bytes_give_container_or_error(rest: bytes, start: bytes) -> None:
    answer: str
    try:
        answer = sniff(start + rest)
    except UnsupportedContainer as refused:
        answer = refused.detail[-1]
    assert answer in ("mp4", "mov", "avi", "webm", "mkv", ".")
