"""Measure uploads over a slow link whose TCP connections do not live long.

    .venv/bin/python bench/thin_links.py

The engine sends fewer parts at once if the link is slow. The script uploads the same file with that rule ("fewer") and
without it ("six"). It needs root (for network namespaces), Chromium, and `make install`.

Each cell has an emulated link, a store and a Chromium of its own. The connections of a cell share its link. The store
resets each connection after a life from an exponential distribution. The nth connection of a store gets the nth life
of the seed, and both rules get the same seeds. All cells run at the same time, because a slow link needs little CPU.

The script prints one line for each cell. It tells how the upload ended, after how many minutes, the MiB in complete
parts, the MiB that the store received beyond those, and the number of PUT requests. "done" is a complete upload. If
the engine reports an error, the ending is "gave up". If --limit-minutes ends the upload, the ending is "limit".
bench/results/thin-links.json also has the engine's own log of each upload.
"""

# ruff: noqa: S603  # starts itself, once for each cell

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results"
sys.path.insert(0, str(ROOT / "bench/upload"))

from contest import Arena, make_file  # noqa: E402  # after the path
from link import FAR_ADDRESS, Link, why_not  # noqa: E402
from measuring import MIB  # noqa: E402
from playwright.sync_api import TimeoutError as PlaywrightTimeout  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from servers import Servers  # noqa: E402
from upload import prepare  # noqa: E402

RULES = ("fewer", "six")
RATES_MEGABITS = (1.0, 2.0)
MEAN_LIVES_SECONDS = (60.0, 120.0)
NO_RESETS = 0.0
ROUNDS = 3
SIZE_MIB = 96
"""Six parts of 16 MiB."""
ROUND_TRIP_MS = 60.0
SECONDS_BETWEEN_STARTS = 2.0
"""All browsers starting at once would exceed Playwright's limit of 30 s for a page."""


@dataclass(frozen=True)
class Cell:
    rule: str
    megabits: float
    mean_life_seconds: float
    seed: int
    ending: str = "failed"
    """done, gave up, limit, or failed if the measurement itself broke."""
    seconds: float = 0
    stored_bytes: int = 0
    received_bytes: int = 0
    requests: int = 0
    error: str | None = None
    report: str = ""


def run(cell: Cell, limit_seconds: float) -> Cell:
    """Upload one file over the cell's own link and return the result."""
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        Link(Path(folder), megabits=cell.megabits, round_trip_ms=ROUND_TRIP_MS) as link,
        Servers(FAR_ADDRESS, link.far) as servers,
    ):
        if cell.mean_life_seconds != NO_RESETS:
            servers.store.ask("lives", mean_seconds=cell.mean_life_seconds, seed=cell.seed)
        name = servers.new_run()
        video = make_file(Path(folder), SIZE_MIB)
        arena = Arena(playwright, servers, link.near)
        with arena.browser() as (context, _profile):
            if cell.rule == "six":
                context.add_init_script("window.ignoresLinkSpeed = true")
            page = arena.open(context, "slipway", name)
            page.set_input_files("input", video)
            try:
                page.wait_for_function("window.bench.endedAt", polling=2000, timeout=limit_seconds * 1000)
            except PlaywrightTimeout:
                ending, error = "limit", None
            else:
                error = page.evaluate("bench.error")
                ending = "done" if error is None else "gave up"
            seconds = page.evaluate("(bench.endedAt ?? Date.now()) - bench.chosenAt") / 1000
            report = page.evaluate("report()")
            counts = servers.counts(name)
    return replace(
        cell,
        ending=ending,
        seconds=seconds,
        # A part whose answer was lost is stored twice.
        stored_bytes=min(counts["stored"], SIZE_MIB * MIB),
        received_bytes=counts["bytes"],
        requests=counts["requests"],
        error=error,
        report=report,
    )


def run_apart(cell: Cell, limit_minutes: float) -> Cell:
    """Run a cell in a process of its own, because Playwright allows one instance for each thread of a process."""
    done = subprocess.run(
        [sys.executable, __file__, "--cell", json.dumps(asdict(cell)), "--limit-minutes", f"{limit_minutes}"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return replace(cell, error=done.stderr.strip()[-300:])
    return Cell(**json.loads(done.stdout))


def table(cells: list[Cell]) -> str:
    lines = ["Mbit/s  mean life  seed  rule   ending   minutes  MiB complete  MiB beyond  PUTs"]
    for cell in cells:
        life = "no resets" if cell.mean_life_seconds == NO_RESETS else f"{cell.mean_life_seconds:.0f} s"
        beyond = (cell.received_bytes - cell.stored_bytes) / MIB
        lines.append(
            f"{cell.megabits:6g}  {life:9}  {cell.seed:4}  {cell.rule:5}  {cell.ending:7}  "
            f"{cell.seconds / 60:7.1f}  {cell.stored_bytes / MIB:12.0f}  {beyond:10.0f}  {cell.requests:4}"
            f"{'' if cell.error is None else f'  {cell.error}'}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--limit-minutes", type=float, default=45)
    parser.add_argument("--seed", type=int, default=1000, help="of the first round")
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        done = run(Cell(**json.loads(arguments.cell)), arguments.limit_minutes * 60)
        print(json.dumps(asdict(done)))  # noqa: T201
        return 0
    reason = why_not() or prepare()
    if reason is not None:
        print(f"Not measured: {reason}", file=sys.stderr)  # noqa: T201
        return 1
    cells = [
        Cell(rule, rate, life, arguments.seed + number)
        for rate in RATES_MEGABITS
        for life in (*MEAN_LIVES_SECONDS, NO_RESETS)
        for number in range(1 if life == NO_RESETS else ROUNDS)
        for rule in RULES
    ]
    with ThreadPoolExecutor(len(cells)) as pool:
        running = []
        for cell in cells:
            running.append(pool.submit(run_apart, cell, arguments.limit_minutes))
            time.sleep(SECONDS_BETWEEN_STARTS)
        results = [future.result() for future in running]
    print(table(results))  # noqa: T201
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "thin-links.json").write_text(json.dumps([asdict(cell) for cell in results], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
