"""What a suite has run, as a JSON line in the file SLIPWAY_CAMPAIGN_REPORT names: `make campaign` tells it in a table.

{"suite", "runs", "violations", "seconds", "seed"}, and for a seeded defect {"defect", "caught_by"}.
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
    """Counts while a suite runs."""

    runs: int = 0
    violations: int = 0

    def add(self, found: Sequence[str]) -> None:
        """One run and what it broke."""
        self.runs += 1
        self.violations += len(found)


@contextmanager
def reported(suite: str, seed: str | None = None) -> Iterator[Tally]:
    """Writes the line at the end, also when the suite fails; a seed is printed too, to replay by."""
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
