"""Run the long campaign, every test of docs/reference/guarantees.md in full size, and write its figures there.

    make campaign             everything, hours
    make campaign ONLY=kills  one part, or several with commas, and only their rows

    SLIPWAY_KILLS=200 make campaign ONLY=kills  another size, which the row then names

Each part is a command with its own environment and time limit. Its suites report what they ran as JSON lines in the
file that SLIPWAY_CAMPAIGN_REPORT names. A part without such lines counts its tests.
"""

import argparse
import json
import os
import platform
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from junit_report import Counts, counted

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reference" / "guarantees.md"
BEGIN, END = "<!-- campaign, written by scripts/campaign.py -->", "<!-- /campaign -->"
HEADER = [
    "| part | what ran | runs | violations | seed | date | commit |",
    "|---|---|---|---|---|---|---|",
]
HOUR = 3600


@dataclass(frozen=True)
class Part:
    """One row of the table. `arguments` are pytest's."""

    name: str
    what: str
    arguments: list[str]
    environment: dict[str, str] = field(default_factory=dict)
    time_limit_seconds: int = HOUR


PARTS = [
    Part(
        "kills",
        "kill -9 at random moments of app and embedded store, on SQLite",
        ["tests/process/test_random_kills.py"],
        {"SLIPWAY_KILLS": "1000"},
        4 * HOUR,
    ),
    Part(
        "kills-scaled",
        "kill -9 at random moments of app, worker, Ceph's gateway and PostgreSQL",
        ["tests/process/test_random_kills.py"],
        {"SLIPWAY_KILLS": "300", "SLIPWAY_TEST_DATABASE": "postgresql"},
        4 * HOUR,
    ),
    Part(
        "model",
        "random steps of two users, reconciler, crashes and faults against a model",
        ["tests/crash/test_model.py"],
        {"SLIPWAY_MODEL_STEPS": "200000"},
        4 * HOUR,
    ),
    Part(
        "crashes",
        "a crash at each moment of each use case, 100 double crashes of each, and each failing call",
        [f"tests/crash/test_{name}.py" for name in ("crash_points", "equivalence", "outcomes")],
        {"SLIPWAY_DOUBLE_CRASHES": "100"},
        4 * HOUR,
    ),
    Part(
        "races",
        "pairs of requests and reconciler, 200 barrier starts each",
        ["tests/crash/test_races.py"],
        {"SLIPWAY_RACES": "200"},
    ),
    Part(
        "fuzz",
        "requests that nearly fit the API",
        ["tests/api/test_fuzz.py"],
        {"SLIPWAY_FUZZ_EXAMPLES": "1820"},  # of each of its twelve tests, 21,840 in all
        2 * HOUR,
    ),
    Part(
        "two-users",
        "random requests of openapi.json by two users, with the IDs of either",
        ["tests/process/test_two_users.py"],
        {"SLIPWAY_STATEFUL_CASES": "20000"},
        2 * HOUR,
    ),
    Part(
        "mutations",
        "damaged files through the metadata reader, at most 1 s of processor time each",
        ["tests/mediaprobe/test_fuzz.py", "-k", "no_mutation"],
        {"SLIPWAY_MUTATIONS": "1000000", "SLIPWAY_PROCESSES": "2", "SLIPWAY_FILE_SECONDS": "1"},
        4 * HOUR,
    ),
    Part(
        "doubts",
        "changed boxes, elements and chunks, of which none that ffprobe plays may be refused",
        ["tests/mediaprobe/test_doubt.py"],
        {"SLIPWAY_DOUBTS": "50000"},
        2 * HOUR,
    ),
    Part(
        "connections",
        "database and store out of reach for a minute each",
        ["tests/faults"],
        {"SLIPWAY_DOWN_SECONDS": "60"},
    ),
    Part(
        "stale",
        "10,000 stale rows and long listings, swept in bounded memory",
        ["tests/services/sweep"],
        {"SLIPWAY_STALE_ROWS": "10000"},
    ),
    Part("defects", "seeded defects, each of which must be caught", ["tests/crash", "-k", "defect"]),
    Part(
        "upgrade",
        "rolling restarts from the previous release to this code and back, while people upload",
        ["tests/process/test_rolling_upgrade.py"],
        {"SLIPWAY_UPGRADE_FROM": "previous", "SLIPWAY_UPGRADES": "5"},
    ),
    Part(
        "postgresql",
        "every suite that touches a database on PostgreSQL, and the contract suite on Ceph",
        [
            *("tests/api", "tests/services", "tests/crash", "tests/contract", "tests/faults"),
            "tests/test_migrations.py",
        ],
        {"SLIPWAY_TEST_DATABASE": "postgresql"},
        2 * HOUR,
    ),
    Part(
        "browsers",
        "every upload story in Chromium, Firefox and WebKit",
        ["tests/browser/test_stories.py"],
        {"SLIPWAY_TEST_BROWSERS": "all"},
    ),
    Part(
        "scaled",
        "the page in Chromium on app and worker, PostgreSQL and Ceph",
        [f"tests/browser/test_{name}.py" for name in ("upload", "accounts_and_pages", "recordings")],
        {"SLIPWAY_TEST_STACK": "scaled"},
    ),
]


@dataclass(frozen=True)
class Outcome:
    runs: int
    violations: int
    notes: list[str] = field(default_factory=list)


def run(part: Part, seed: str) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        report, counts = Path(folder) / "report.jsonl", Path(folder) / "junit.xml"
        environment = {
            **part.environment,
            **os.environ,
            "SLIPWAY_SEED": seed,
            "SLIPWAY_CAMPAIGN_REPORT": str(report),
        }
        # Each part has a time limit of its own, so a test needs none.
        pytest = [str(ROOT / ".venv/bin/pytest"), "-q", "-s", "--timeout=0"]
        command = [*pytest, f"--junit-xml={counts}", *part.arguments]
        ended = end_in_time(command, environment, part.time_limit_seconds)
        # Without a report no test ran, so the row of an earlier run stays.
        tests = counted(counts) if counts.exists() else Counts(0, 0, 0)
        return judge(ended, lines_of(report), tests)


def end_in_time(command: list[str], environment: dict[str, str], time_limit_seconds: int) -> int | None:
    """Return the exit status, or None if the time limit ended the whole group."""
    process = subprocess.Popen(command, cwd=ROOT / "backend", env=environment, start_new_session=True)  # noqa: S603  # our own tests
    try:
        return process.wait(time_limit_seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:  # also after an interrupt
        if process.poll() is None:
            # pytest stops what its fixtures started. A test may swallow the first signal, because asyncio makes a
            # cancellation of it.
            for how in (signal.SIGINT, signal.SIGINT, signal.SIGKILL):
                os.killpg(process.pid, how)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(60)
                    break


def judge(ended: int | None, lines: list[dict[str, object]], tests: Counts) -> Outcome:
    """Return what ran and what broke. A failure that no suite counted is one violation."""
    defects = [line for line in lines if "defect" in line]
    runs = sum(int(str(line["runs"])) for line in lines if "runs" in line) + len(defects)
    violations = sum(int(str(line["violations"])) for line in lines if "violations" in line)
    violations += sum(1 for defect in defects if not defect["caught_by"])
    if not runs:
        runs, violations = tests.passed + tests.failed, tests.failed
    notes = [str(line["note"]) for line in lines if "note" in line]
    if ended is None:
        return Outcome(runs, violations, [*notes, "until the time limit"])
    return Outcome(runs, violations if ended == 0 else max(1, violations), notes)


def lines_of(report: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in report.read_text().splitlines()] if report.exists() else []


def row(part: Part, outcome: Outcome, seed: str) -> str:
    notes = [*resized(part), *outcome.notes]
    ran = f"{part.what} ({', '.join(notes)})" if notes else part.what
    figures = f"{outcome.runs:,} | {outcome.violations} | {seed}"
    return f"| `{part.name}` | {ran} | {figures} | {datetime.now(UTC):%Y-%m-%d} | {commit()} |"


def resized(part: Part) -> list[str]:
    """Return the settings of this part that the caller's environment changes."""
    return [
        f"{name}={os.environ[name]}"
        for name, usual in part.environment.items()
        if os.environ.get(name, usual) != usual
    ]


def not_run(part: Part) -> str:
    return f"| `{part.name}` | {part.what} | not run | | | | |"


def commit() -> str:
    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603, S607  # the git of this person
        return done.stdout.strip()

    changed = git(
        "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs/reference/guarantees.md"
    )
    return (git("rev-parse", "--short=10", "HEAD") or "unknown") + ("+changes" if changed else "")


def machine() -> str:
    return f"{os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def write(new_rows: dict[str, str]) -> str:
    """Put the rows into the page in the order of PARTS, and return the table."""
    page = PAGE.read_text(encoding="utf-8")
    before, old, after = around(page, BEGIN, END)
    # A row that never ran is written again, because what the part does may have changed.
    rows = {
        found[1]: found[0]
        for found in re.finditer(r"^\| `([a-z-]+)` \|.*$", old, re.MULTILINE)
        if "| not run |" not in found[0]
    }
    ran_on = re.findall(r"^The last part ran on .*$", old, re.MULTILINE)
    table = "\n".join(
        [
            ran_on[0] if ran_on and not new_rows else f"The last part ran on {machine()}.",
            "",
            *HEADER,
            *((rows | new_rows).get(part.name, not_run(part)) for part in PARTS),
        ],
    )
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")
    return table


def around(page: str, begin: str, end: str) -> tuple[str, str, str]:
    before, _, rest = page.partition(begin)
    inside, _, after = rest.partition(end)
    return before, inside, after


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help=f"parts, with commas: {', '.join(p.name for p in PARTS)}")
    parser.add_argument("--seed", default=os.environ.get("SLIPWAY_SEED", ""), help="replays a run")
    options = parser.parse_args()
    wanted = [name for name in options.only.split(",") if name]
    if unknown := set(wanted) - {part.name for part in PARTS}:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = options.seed or str(int(time.time()))
    broken = False
    for part in PARTS:
        if wanted and part.name not in wanted:
            continue
        print(f"\n== {part.name}: {part.what} (SLIPWAY_SEED={seed})", flush=True)  # noqa: T201
        outcome = run(part, seed)
        broken = broken or outcome.violations > 0 or outcome.runs == 0
        if outcome.runs:  # after each part, so that an interrupt loses no row
            write({part.name: row(part, outcome, seed)})
    table = write({})
    print(f"\n{table}")  # noqa: T201
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
