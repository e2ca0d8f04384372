"""Read how many tests passed, failed and were skipped from a runner's JUnit report, and why they failed."""

import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_LINES_OF_A_FAILURE = 12


class Counts(NamedTuple):
    passed: int
    failed: int
    skipped: int


def counted(report: Path) -> Counts:
    """A report that was not written is one failure."""
    if not report.exists():
        return Counts(0, 1, 0)
    tests = failed = skipped = 0
    for suite in _root(report).iter("testsuite"):
        if suite.find("testsuite") is not None:
            continue
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return Counts(tests - failed - skipped, failed, skipped)


def failures(report: Path) -> Iterator[str]:
    """Return the name of each failed test and the end of its message, so that a log's last lines show the cause."""
    if not report.exists():
        return
    for case in _root(report).iter("testcase"):
        for kind in ("failure", "error"):
            for each in case.findall(kind):
                yield f"FAILED {report.stem} {case.get('classname')}::{case.get('name')}"
                said = (each.text or "").strip().splitlines()
                yield from (f"  {line}" for line in said[-_LINES_OF_A_FAILURE:])


def _root(report: Path) -> ElementTree.Element:
    # Our own runners' output, not anybody's input.
    return ElementTree.parse(report).getroot()  # noqa: S314  # pytest and vitest wrote it
