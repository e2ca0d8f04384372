"""Appends what a suite ran as JSON lines to the file that SLIPWAY_CAMPAIGN_REPORT names, for `make campaign`.

A line contains suite, runs, violations, seconds and seed, or defect and caught_by for a seeded defect. A note is
shown in the table.
"""

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SEED = os.environ.get("SLIPWAY_SEED", "everyday")


@dataclass
class Tally:
    """Counts of a running suite."""

    runs: int = 0
    violations: int = 0

    def add(self, found: Sequence[str]) -> None:
        """Count one run and its violations."""
        self.runs += 1
        self.violations += len(found)


@contextmanager
def reported(suite: str, seed: str | None = None) -> Iterator[Tally]:
    """Write the line when the suite ends, even if it fails. Print the seed, which repeats the run."""
    if seed is not None:
        print(f"{suite}: SLIPWAY_SEED={seed}")  # noqa: T201  # pytest shows it with a failure
    tally = Tally()
    began = time.monotonic()
    try:
        yield tally
    finally:
        seconds = round(time.monotonic() - began, 1)
        line = {"runs": tally.runs, "violations": tally.violations, "seconds": seconds, "seed": seed}
        write_line({"suite": suite, **line})


def write_line(line: dict[str, object]) -> None:
    path = os.environ.get("SLIPWAY_CAMPAIGN_REPORT")
    if path:
        with Path(path).open("a") as file:
            file.write(json.dumps(line) + "\n")
