"""Measure uploads over a thin link whose connections do not live long.

    .venv/bin/python bench/thin_links.py --label "all lanes"

Each cell has an emulated link, a store and a Chromium of its own. A connection of the store lives for a random time of
an exponential distribution, and then the store resets it. The same round has the same seed for every rule. All cells
run at the same time, because a thin link needs little CPU. The script prints a table with the minutes to done and the
bytes sent twice, and writes bench/results/thin-links-LABEL.json. A cell that is not done after --limit-minutes tells
how many bytes of whole parts the store had by then.
"""

# ruff: noqa: S603  # starts itself, once for each cell

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench/results"
sys.path.insert(0, str(ROOT / "bench/upload"))

from contest import Arena, make_file  # noqa: E402  # after the path
from link import FAR_ADDRESS, Link  # noqa: E402
from measuring import MIB  # noqa: E402
from playwright.sync_api import TimeoutError as PlaywrightTimeout  # noqa: E402
from playwright.sync_api import sync_playwright  # noqa: E402
from servers import Servers  # noqa: E402

RATES_MEGABITS = (1.0, 2.0)
MEAN_LIVES_SECONDS = (60.0, 120.0, 0.0)
"""0 is the control, whose connections live for ever."""
ROUNDS = 3
SIZE_MIB = 96
"""Six parts of 16 MiB."""
ROUND_TRIP_MS = 60.0


@dataclass(frozen=True)
class Cell:
    megabits: float
    mean_life_seconds: float
    round: int
    seconds: float | None = None
    """None if the upload was not done in time."""
    stored_bytes: int = 0
    sent_twice_bytes: int = 0
    error: str | None = None


def run(cell: Cell, limit_seconds: float) -> Cell:
    """Upload one file over the cell's own link and return the result."""
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        Link(Path(folder), megabits=cell.megabits, round_trip_ms=ROUND_TRIP_MS) as link,
        Servers(FAR_ADDRESS, link.far) as servers,
    ):
        if cell.mean_life_seconds:
            servers.store.ask("lives", mean_seconds=cell.mean_life_seconds, seed=1000 + cell.round)
        name = servers.new_run()
        video = make_file(Path(folder), SIZE_MIB)
        arena = Arena(playwright, servers, link.near)
        with arena.browser() as (context, _profile):
            page = arena.open(context, "slipway", name)
            page.set_input_files("input", video)
            error: str | None
            seconds: float | None = None
            try:
                page.wait_for_function("window.bench.endedAt", polling=2000, timeout=limit_seconds * 1000)
                error = page.evaluate("bench.error")
                if error is None:
                    seconds = page.evaluate("bench.endedAt - bench.chosenAt") / 1000
            except PlaywrightTimeout:
                error = None
            counts = servers.counts(name)
    stored = min(counts["stored"], SIZE_MIB * MIB)
    sent_twice = counts["bytes"] - stored
    return Cell(cell.megabits, cell.mean_life_seconds, cell.round, seconds, stored, sent_twice, error)


def run_apart(cell: Cell, limit_minutes: float) -> Cell:
    """Run a cell in a process of its own, because each playwright needs one."""
    command = [sys.executable, __file__, "--cell", json.dumps(asdict(cell))]
    done = subprocess.run(
        [*command, "--limit-minutes", f"{limit_minutes}"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return Cell(cell.megabits, cell.mean_life_seconds, cell.round, error=done.stderr.strip()[-300:])
    return Cell(**json.loads(done.stdout))


def table(cells: list[Cell]) -> str:
    lines = ["Mbit/s  mean life  round  minutes to done        MiB sent twice"]
    for cell in cells:
        stored = f"not done ({cell.stored_bytes / MIB:.0f} MiB stored)"
        minutes = stored if cell.seconds is None else f"{cell.seconds / 60:.1f}"
        life = f"{cell.mean_life_seconds:.0f} s" if cell.mean_life_seconds else "for ever"
        lines.append(
            f"{cell.megabits:6g}  {life:9}  {cell.round:5}  {minutes:21}  {cell.sent_twice_bytes / MIB:.0f}"
            f"{'' if cell.error is None else f'  {cell.error[:120]}'}"
        )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--label", default="engine", help="the rule that the engine has now")
    parser.add_argument("--limit-minutes", type=float, default=45)
    parser.add_argument("--cell", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        done = run(Cell(**json.loads(arguments.cell)), arguments.limit_minutes * 60)
        print(json.dumps(asdict(done)))  # noqa: T201
        return 0
    cells = [
        Cell(rate, life, number)
        for rate in RATES_MEGABITS
        for life in MEAN_LIVES_SECONDS
        for number in range(ROUNDS if life else 1)
    ]
    with ThreadPoolExecutor(len(cells)) as pool:
        results = list(pool.map(lambda cell: run_apart(cell, arguments.limit_minutes), cells))
    print(table(results))  # noqa: T201
    RESULTS.mkdir(exist_ok=True)
    named = RESULTS / f"thin-links-{arguments.label.replace(' ', '-')}.json"
    named.write_text(json.dumps([asdict(cell) for cell in results], indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
