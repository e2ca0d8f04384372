"""Measure what the parser of HTTP costs the app, as processor time for each request of three routes.

Three copies of Slipway run side by side and take turns. One has our limits on httptools, one plain httptools, one h11.
A client sends requests one after the other on one connection. Prints a table, writes bench/results/http_parsers.json.
Exits with 1 if our limits cost more than a tenth of plain httptools.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from tests.engines.slipway import SlipwayProcess  # noqa: E402  # after the path to the tests

RESULT = ROOT / "bench/results/http_parsers.json"
PARSERS = ("ours", "httptools", "h11")
ROUTES = ("/health/live", "/upload-policy", "/videos")
ROUNDS = 5
REQUESTS = 200
TARGET = 1.1
_SERVE = """
import sys
from app import http_server
from app.cli import main
parser = sys.argv.pop(1)
if parser != "ours":
    http_server.limited_http = lambda *_: parser
main()
"""


@contextmanager
def slipway_with(parser: str, folder: Path) -> Iterator[tuple[int, httpx.Client]]:
    """Yield the process and a signed-in client."""
    slipway = SlipwayProcess(folder / parser)
    slipway.program = [sys.executable, "-c", _SERVE, parser]
    with slipway, slipway.api("bench@example.com") as api:
        yield slipway.process.pid, api


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def microseconds(pid: int, api: httpx.Client, route: str) -> float:
    before = processor_seconds(pid)
    for _ in range(REQUESTS):
        api.get(route).raise_for_status()
    return (processor_seconds(pid) - before) / REQUESTS * 1e6


def main() -> int:
    taken: dict[str, dict[str, list[float]]] = {route: {parser: [] for parser in PARSERS} for route in ROUTES}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        running = {parser: stack.enter_context(slipway_with(parser, folder)) for parser in PARSERS}
        for _ in range(ROUNDS):
            for route in ROUTES:
                for parser, (pid, api) in running.items():
                    taken[route][parser].append(microseconds(pid, api, route))
    medians = {
        route: {parser: round(statistics.median(values)) for parser, values in parsers.items()}
        for route, parsers in taken.items()
    }
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"microseconds": medians}, indent=2) + "\n")
    return 0 if show(medians) else 1


def show(medians: dict[str, dict[str, int]]) -> bool:
    """Print the table. Return whether the target is met."""
    say("| route | ours | httptools | h11 | ours/httptools | h11/httptools |")
    say("|---|---|---|---|---|---|")
    worst = 0.0
    for route, row in medians.items():
        ours, h11 = row["ours"] / row["httptools"], row["h11"] / row["httptools"]
        worst = max(worst, ours)
        times = " | ".join(f"{row[parser]} µs" for parser in PARSERS)
        say(f"| {route} | {times} | {ours:.2f} | {h11:.2f} |")
    say(f"Target, our limits cost at most {TARGET} times: {'met' if worst <= TARGET else 'MISSED'}.")
    return worst <= TARGET


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
