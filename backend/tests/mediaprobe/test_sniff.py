"""The container by leading bytes: the table that the page's check is tested with too."""

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
def test_sniff_answers_as_the_shared_table_says(vector: Vector) -> None:
    container: str | None = None
    refusal: str | None = None
    try:
        container = sniff(bytes.fromhex(vector["hex"]))
    except ProbeError as error:
        refusal = error.code
    assert (container, refusal) == (vector["container"], vector["refusal"])


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["refusal"]], ids=lambda vector: vector["name"])
def test_probe_refuses_what_sniff_refuses(vector: Vector) -> None:
    with pytest.raises(UnsupportedContainer) as refused:
        probe(BytesSource(bytes.fromhex(vector["hex"])))
    # A stored object is judged by the four verdicts alone.
    assert refused.value.code == "unsupported_container"


def test_table_names_are_unique() -> None:
    assert len({vector["name"] for vector in VECTORS}) == len(VECTORS)


def test_an_empty_file_has_a_code_of_its_own() -> None:
    with pytest.raises(FileEmpty):
        sniff(b"")


def test_only_the_first_4_kib_count() -> None:
    late = b"\x1a\x45\xdf\xa3" + b"\x50\x00" + b"\xec\x4f\xf0" + bytes(SNIFF_BYTES) + b"\x42\x82\x84webm"
    with pytest.raises(UnsupportedContainer):
        sniff(late)


@pytest.mark.parametrize(
    ("leading", "word"),
    [
        (b"#EXTM3U\n", "playlist"),
        (b"RIFF\x04\x00\x00\x00WAVEfmt ", "sound"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\r", "picture"),
    ],
)
def test_a_refusal_says_what_the_file_looks_like(leading: bytes, word: str) -> None:
    with pytest.raises(UnsupportedContainer) as refused:
        sniff(leading)
    assert word in refused.value.detail
    assert "MP4" in refused.value.detail


_STARTS = (b"", b"RIFF", b"\x1a\x45\xdf\xa3", b"\0\0\0\x18ftyp", b"\0\0\x10\0moov")


@given(st.binary(max_size=64), st.sampled_from(_STARTS))
def test_any_bytes_get_an_answer_or_a_refusal(rest: bytes, start: bytes) -> None:
    answer: str
    try:
        answer = sniff(start + rest)
    except UnsupportedContainer as refused:
        answer = refused.detail[-1]
    assert answer in ("mp4", "mov", "avi", "webm", "mkv", ".")
