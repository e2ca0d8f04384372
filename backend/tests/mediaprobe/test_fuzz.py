"""Mutated and generated files raise no error but a ProbeError, and stay within the budget.

For a campaign run `SLIPWAY_MUTATIONS=1000000 pytest tests/mediaprobe/test_fuzz.py -s`, optionally with SLIPWAY_SEED,
SLIPWAY_PROCESSES and SLIPWAY_FILE_SECONDS, the limit of processor time for each file.
"""

from __future__ import annotations

import math
import os
import random
import time
import traceback
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediaprobe import Budget, BytesSource, ProbeError, probe
from tests.crash.report import write_line
from tests.mediaprobe import builders, floods, hostile
from tests.mediaprobe.conftest import CORPUS
from tests.mediaprobe.mutation import mutate
from tests.mediaprobe.sources import MIB, CountingSource, probe_counted

MUTATIONS = int(os.environ.get("SLIPWAY_MUTATIONS", "10000"))
SEED = os.environ.get("SLIPWAY_SEED", "everyday")
PROCESSES = int(os.environ.get("SLIPWAY_PROCESSES", "1"))
FILE_SECONDS = float(os.environ.get("SLIPWAY_FILE_SECONDS", "inf"))
_BATCH = 5000
# Larger files take longer to mutate than to read.
_MAX_SEED_BYTES = 200_000


def seeds(samples: dict[str, bytes]) -> list[bytes]:
    """Return small samples, hostile files, and public files if the corpus exists."""
    found = [data for data in samples.values() if len(data) <= _MAX_SEED_BYTES]
    found += [data for case in hostile.INPUTS if len(data := case.make()) <= 20_000]
    if CORPUS.is_dir():
        files = sorted(path for path in CORPUS.rglob("*") if path.is_file() and path.suffix != ".md")
        found += [path.read_bytes() for path in files if path.stat().st_size <= _MAX_SEED_BYTES]
    return found


@dataclass
class Results:
    """Counts of results, the longest processor time in seconds, and the most work."""

    endings: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    most_work: int = 0

    def probe(self, data: bytes, name: str) -> None:
        source = CountingSource(BytesSource(data))
        started = time.process_time()
        try:
            probe_counted(source).as_json()
            self.endings["ready"] += 1
        except ProbeError as error:
            self.endings[error.code] += 1
        except Exception as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            self.endings[f"UNCAUGHT {error!r} at {Path(where.filename).name}:{where.lineno}, {name}"] += 1
        seconds = time.process_time() - started
        self.slowest, self.most_work = max(self.slowest, seconds), max(self.most_work, source.work)
        if source.requests > 32 or source.bytes_read > 24 * MIB or source.work > Budget().work:
            self.endings[f"OVER BUDGET, {name}"] += 1
        if seconds > FILE_SECONDS:
            self.endings[f"TOO SLOW, {seconds:.1f} s, {name}"] += 1

    def add(self, other: Results) -> None:
        self.endings.update(other.endings)
        self.slowest = max(self.slowest, other.slowest)
        self.most_work = max(self.most_work, other.most_work)


def campaign(videos: list[bytes], seed: str, first: int, count: int) -> Results:
    """Probe mutations. Seed and number of a mutation reproduce it."""
    results = Results()
    for number in range(first, first + count):
        generator = random.Random(f"{seed}-{number}")  # noqa: S311 (repeatable on purpose)
        results.probe(mutate(generator.choice(videos), generator), f"mutation {number}")
    return results


def test_no_mutation_raises_unknown_error(samples: dict[str, bytes]) -> None:
    videos = seeds(samples)
    results = Results()
    whole = {**floods.FLOODS, **floods.KEPT} if math.isfinite(FILE_SECONDS) else {}
    for name, make in whole.items():
        results.probe(make(), name)
    starts = range(0, MUTATIONS, _BATCH)
    if PROCESSES == 1:
        for start in starts:
            results.add(campaign(videos, SEED, start, min(_BATCH, MUTATIONS - start)))
    else:
        with ProcessPoolExecutor(PROCESSES) as pool:
            jobs = [
                pool.submit(campaign, videos, SEED, start, min(_BATCH, MUTATIONS - start)) for start in starts
            ]
            for job in jobs:
                results.add(job.result())
    note = f"worst processor time of a file {results.slowest:.2f} s, most work {results.most_work:,} units"
    print(f"\n{MUTATIONS} mutations of {len(videos)} files: {dict(results.endings)}; {note}")  # noqa: T201
    known = {
        *("ready", hostile.UNSUPPORTED, hostile.NO_VIDEO, hostile.TRUNCATED),
        hostile.BUDGET,
    }
    broken = {ending: count for ending, count in results.endings.items() if ending not in known}
    runs, violations = MUTATIONS + len(whole), sum(broken.values())
    write_line({"suite": "mutations", "runs": runs, "violations": violations, "seed": SEED, "note": note})
    assert broken == {}
    assert results.endings.total() == runs


_codes = st.sampled_from(
    (
        b"moov trak mdia minf stbl stsd avc1 hvc1 mp4a lpcm esds avcC hvcC av1C vpcC colr pasp wave sinf frma "
        b"stts tkhd mdhd mvhd hdlr edts elst mvex mehd trex moof traf tfhd tfdt trun sidx cmov dcom cmvd dOps "
        b"dac3 dec3 pcmC srat btrt mfra mdat free enda"
    ).split()
)
_leaf = st.one_of(
    st.binary(max_size=120),
    st.sampled_from([b"\0" * 100, b"\xff" * 100, b"\0\0\0\0vide" + b"\0" * 20, b"\0\0\0\0soun" + b"\0" * 20]),
)
_box = st.recursive(
    st.builds(lambda code, body: builders.box(code, body), _codes, _leaf),
    lambda inner: st.builds(
        lambda code, lead, children: builders.box(code, lead, *children),
        _codes,
        st.sampled_from([b"", bytes(4), bytes(8), bytes(28), bytes(78)]),
        st.lists(inner, max_size=6),
    ),
    max_leaves=25,
)

_ids = st.sampled_from(
    [
        *(0x18538067, 0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1F43B675, 0x1C53BB6B, 0xAE, 0xE0, 0xE1, 0x55B0),
        *(0x7670, 0x41E4, 0xD7, 0x83, 0x86, 0x63A2, 0x23E383, 0xB0, 0xBA, 0x54B0),
        *(0x54BA, 0x54B2, 0x53B8, 0x2AD7B1, 0x4489, 0xB5, 0x9F, 0x4DBB, 0x53AB, 0x53AC),
        *(0xE7, 0xA3, 0xA0, 0xA1, 0x9B, 0x7671, 0x7675, 0x55BA, 0xEC, 0xBF),
    ]
)
_element = st.recursive(
    st.builds(lambda identity, body: builders.element(identity, body), _ids, _leaf),
    lambda inner: st.builds(
        lambda identity, children: builders.element(identity, *children), _ids, st.lists(inner, max_size=6)
    ),
    max_leaves=25,
)

_kinds = st.sampled_from([b"avih", b"strh", b"strf", b"vprp", b"dmlh", b"JUNK", b"idx1", b"indx"])
_forms = st.sampled_from([b"hdrl", b"strl", b"odml", b"movi", b"INFO"])
_chunk = st.recursive(
    st.builds(
        lambda kind, body: builders.chunk(kind, body),
        _kinds,
        st.one_of(
            _leaf, st.sampled_from([b"vids" + b"\1" * 44, b"auds" + b"\1" * 44, builders.bitmap_info()])
        ),
    ),
    lambda inner: st.builds(
        lambda form, children: builders.chunks(b"LIST", form, *children), _forms, st.lists(inner, max_size=6)
    ),
    max_leaves=25,
)

_everyday = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@_everyday
@given(st.lists(_box, max_size=6))
def test_any_boxes_give_metadata_or_probe_error(boxes: list[bytes]) -> None:
    _check_result(builders.ftyp() + b"".join(boxes))


@_everyday
@given(st.lists(_box, max_size=8))
def test_any_sample_entry_gives_metadata_or_probe_error(boxes: list[bytes]) -> None:
    for entry in (
        builders.visual_entry(b"avc1", 64, 64, *boxes),
        builders.visual_entry(b"hvc1", 64, 64, *boxes),
    ):
        _check_result(builders.one_track(entry))
    audio = builders.trak(2, b"soun", builders.audio_entry(b"mp4a", 2, 48000, *boxes), 48000, [(1, 1)])
    _check_result(builders.moov(builders.mvhd(1), builders.video_trak(1), audio))


@_everyday
@given(st.lists(_element, max_size=6))
def test_any_elements_give_metadata_or_probe_error(elements: list[bytes]) -> None:
    _check_result(builders.matroska(*elements))


@_everyday
@given(st.lists(_chunk, max_size=6))
def test_any_chunks_give_metadata_or_probe_error(chunks: list[bytes]) -> None:
    _check_result(builders.avi(*chunks))


@_everyday
@given(st.binary(max_size=400), st.sampled_from([b"avcC", b"hvcC", b"av1C", b"vpcC", b"esds"]))
def test_any_codec_configuration_gives_metadata_or_probe_error(data: bytes, code: bytes) -> None:
    for head in (
        b"",
        b"\x01\x64\0\x1e\xff\xe1\1\0\x67",
        b"\x01" + bytes(21) + b"\1\x21\0\1\1\0\x42\1",
        b"\x81\0\0\0\x0a\x40",
    ):
        _check_result(
            builders.one_track(builders.visual_entry(b"avc1", 64, 64, builders.box(code, head + data)))
        )


def _check_result(data: bytes) -> None:
    try:
        found = probe(BytesSource(data)).as_json()
    except ProbeError as error:
        found = {"detail": error.detail}
    assert found


@pytest.mark.parametrize("seed", ["a", "b"])
def test_mutations_are_reproducible(samples: dict[str, bytes], seed: str) -> None:
    first, again = (mutate(samples["mp4"], random.Random(seed)) for _ in range(2))  # noqa: S311 (as above)
    assert first == again != samples["mp4"]
