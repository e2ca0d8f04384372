"""Run every suite, some at a time, show each as it goes, and end with one line that counts them all."""

import argparse
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from junit_report import counted, failures

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "test-results"


@dataclass(frozen=True)
class Suite:
    """One run of one runner, counted by its JUnit report."""

    name: str
    folder: str
    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def report(self) -> Path:
        return RESULTS / f"{self.name}.xml"


def pytest(name: str, *arguments: str, database: str = "sqlite") -> Suite:
    report = RESULTS / f"{name}.xml"
    command = [str(ROOT / ".venv/bin/pytest"), "-q", f"--junit-xml={report}", *arguments]
    return Suite(name, "backend", command, {"SLIPWAY_TEST_DATABASE": database})


def vitest() -> Suite:
    report = RESULTS / "page.xml"
    command = ["npx", "--no-install", "vitest", "run", "--reporter=default", "--reporter=junit"]
    return Suite("page", "frontend", [*command, f"--outputFile.junit={report}"])


# What touches the database runs on both.
ON_BOTH = [
    *("tests/api", "tests/services", "tests/test_migrations.py", "tests/test_statement_times.py"),
    "tests/crash/test_races.py",
    # Defects that SQLite's single writer hides.
    "tests/crash/test_defects.py::test_catches_seeded_defect[check, then reserve]",
    "tests/crash/test_defects.py::test_catches_seeded_defect[no compare-and-set: deletes]",
]
# What starts processes, browsers or stores.
REAL_THINGS = ["tests/browser", "tests/process", "tests/localstore", "tests/contract", "tests/faults"]
AT_ONCE = 4
"""Suites. Each often waits for processes. With four, the longest suite decides the time also beside busy programs."""


def planned(quick: bool) -> list[Suite]:
    """Return the suites in the order of their start, those that take longest first."""
    apart = [*REAL_THINGS, "tests/crash"]
    code = pytest("backend", *(f"--ignore={folder}" for folder in apart))
    crash = pytest("crash", "tests/crash")
    if quick:
        return [code, crash, vitest()]
    browser, process, localstore, contract, faults = (
        pytest(folder.removeprefix("tests/"), folder) for folder in REAL_THINGS
    )
    postgresql = pytest("backend-postgresql", *ON_BOTH, database="postgresql")
    return [process, browser, code, crash, postgresql, contract, localstore, faults, vitest()]


def run(suite: Suite) -> bool:
    """Return whether the suite passed."""
    suite.report.unlink(missing_ok=True)
    began = time.monotonic()
    with subprocess.Popen(  # noqa: S603  # our own tests
        suite.command,
        cwd=ROOT / suite.folder,
        env={**os.environ, **suite.environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as running:
        for line in running.stdout or ():
            say(suite, line.rstrip())
    say(suite, f"== {time.monotonic() - began:.0f} s")
    return running.returncode == 0


def say(suite: Suite, line: str) -> None:
    print(f"{suite.name:>18} | {line}", flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="without browser and real engines")
    options = parser.parse_args()
    RESULTS.mkdir(exist_ok=True)
    suites = planned(options.quick)
    with ThreadPoolExecutor(AT_ONCE) as side_by_side:
        passed = list(side_by_side.map(run, suites))
    counts = [counted(suite.report) for suite in suites]
    total = [sum(column) for column in zip(*counts, strict=True)]
    # A runner may fail without a failed test, at collection or at its own start.
    broken = any(not ended and not failed for ended, (_, failed, _) in zip(passed, counts, strict=True))
    if broken:
        total[1] += 1
    for line in (line for suite in suites for line in failures(suite.report)):
        print(line, flush=True)  # noqa: T201
    print(f"\n{total[0]} passed, {total[1]} failed, {total[2]} skipped", flush=True)  # noqa: T201
    if total[2] and os.environ.get("CI"):
        print("In CI nothing may be skipped, because a check that did not run has not passed.", flush=True)  # noqa: T201
        return 1
    return 1 if total[1] else 0


if __name__ == "__main__":
    sys.exit(main())
