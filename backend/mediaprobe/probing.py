"""Probes one video."""

from __future__ import annotations

import time
from collections.abc import Callable

from mediaprobe import avi, isobmff, matroska
from mediaprobe.budget import Budget, Spending
from mediaprobe.errors import BudgetExceeded, UnsupportedContainer
from mediaprobe.findings import Findings
from mediaprobe.metadata import Metadata, build_metadata
from mediaprobe.reader import BlockReader
from mediaprobe.sniff import SNIFF_BYTES, sniff
from mediaprobe.source import RangeSource

_PARSERS = {
    "mp4": isobmff.parse,
    "mov": isobmff.parse,
    "avi": avi.parse,
    "webm": matroska.parse,
    "mkv": matroska.parse,
}

_DEFAULT_BUDGET = Budget()


def probe(
    source: RangeSource,
    *,
    budget: Budget = _DEFAULT_BUDGET,
    clock: Callable[[], float] = time.monotonic,
) -> Metadata:
    """Return the metadata of one video. Raise a `ProbeError`, or an error of the source."""
    return probe_within(source, Spending(budget, clock))


def probe_within(source: RangeSource, spending: Spending) -> Metadata:
    """Probe as `probe` does, and count in `spending` what it takes."""
    reader = BlockReader(source, spending)
    if reader.size == 0:
        raise UnsupportedContainer("The file is empty. Choose a video that has content.")
    findings = Findings(sniff(reader.read(0, SNIFF_BYTES)))
    try:
        _PARSERS[findings.container](reader, findings)
    except BudgetExceeded as exceeded:
        partial = build_metadata(findings, reader.size)
        raise BudgetExceeded(exceeded.detail, container=findings.container, partial=partial) from exceeded
    return build_metadata(findings, reader.size)
