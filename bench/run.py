"""Run each measurement of `make bench` in turn and say which reached its targets.

A script prints its table, writes bench/results/<name>.json and exits 0 (every target reached), 1 (one missed) or 2
(something could not be measured). One that leaves no new result was not measured, whatever it exits with.
Exits with 1 if a target is missed, else with 2 if something could not be measured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
RESULTS = BENCH / "results"
SCRIPTS = (
    "signing",
    "metadata",
    "metadata_safety",
    "probe_floods",
    "http_parsers",
    "floods",
    "video_list",
    "first_paint",
    "store_floods",
    "upload",
    "large_upload",
)

REACHED, MISSED, NOT_MEASURED = "reached", "MISSED", "NOT MEASURED"


def run(name: str) -> str:
    result = RESULTS / f"{name}.json"
    before = written_at(result)
    ended = subprocess.run([sys.executable, str(BENCH / f"{name}.py")], check=False)  # noqa: S603  # our own
    if written_at(result) == before:
        # Its traceback or message is above. Python's exit code for those is 1 too.
        return NOT_MEASURED
    return {0: REACHED, 1: MISSED}.get(ended.returncode, NOT_MEASURED)


def written_at(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    RESULTS.mkdir(exist_ok=True)
    outcomes: dict[str, str] = {}
    for name in SCRIPTS:
        if not (BENCH / f"{name}.py").exists():
            continue
        say(f"\n== {name}")
        began = time.monotonic()
        outcomes[name] = run(name)
        say(f"== {name}: {outcomes[name]}, {time.monotonic() - began:.0f} s")
    (RESULTS / "summary.json").write_text(json.dumps(outcomes, indent=2) + "\n")
    counts = {outcome: list(outcomes.values()).count(outcome) for outcome in (REACHED, MISSED, NOT_MEASURED)}
    say(
        f"\nOf {len(outcomes)} measurements {counts[REACHED]} reached every target, {counts[MISSED]} missed a target, "
        f"{counts[NOT_MEASURED]} could not be measured in full"
    )
    return 1 if counts[MISSED] else 2 if counts[NOT_MEASURED] else 0


if __name__ == "__main__":
    sys.exit(main())
