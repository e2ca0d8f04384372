"""Record real uploads in Chromium over an emulated link, as traces to measure the time left on.

One link is steady, the speed of another rises and falls, the third loses more than half of its speed. Each takes about
a minute, all at once. Writes traces/<name>.json with [milliseconds since the first byte was due, bytes], ten times a
second.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

from contest import Arena, make_file
from link import FAR_ADDRESS, Link
from playwright.sync_api import sync_playwright
from servers import Servers

LIMIT_SECONDS = 180

# Megabits a second, as a function of the seconds since the start.
LINES: dict[str, tuple[int, Callable[[float], float]]] = {
    "steady": (128, lambda _: 16),
    "sawtooth": (160, lambda second: 10 + second % 20),
    "step": (160, lambda second: 30 if second < 30 else 12),
}


def record(name: str) -> None:
    size_mib, megabits_at = LINES[name]
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        Link(Path(folder), megabits=megabits_at(0), round_trip_ms=60) as link,
        Servers(FAR_ADDRESS, link.far) as servers,
    ):
        video = make_file(Path(folder), size_mib)
        arena = Arena(playwright, servers, link.near)
        with arena.browser() as (context, _):
            page = arena.open(context, "slipway", servers.new_run())
            page.set_input_files("input", video)
            began = time.monotonic()
            while page.evaluate("bench.endedAt") is None:
                if time.monotonic() - began > LIMIT_SECONDS:
                    raise TimeoutError(name)
                link.set_rate(megabits_at(time.monotonic() - began))
                time.sleep(0.5)
            if (error := page.evaluate("bench.error")) is not None:
                raise RuntimeError(error)
            samples, ended_at = page.evaluate("[bench.samples, bench.endedAt]")
    size = size_mib * 1024 * 1024
    start = samples[0][0]
    points = [[at - start, sent] for at, sent, _ in samples] + [[ended_at - start, size]]
    text = json.dumps({"size_bytes": size, "samples": points}, separators=(",", ":"))
    target = Path(__file__).resolve().parent / "traces" / f"{name}.json"
    target.write_text(text.replace("],[", "],\n[") + "\n")
    print(f"{name}: {(ended_at - start) / 1000:.1f} s, {len(points)} points")  # noqa: T201


if __name__ == "__main__":
    context = get_context("spawn")
    recorders = [context.Process(target=record, args=(name,)) for name in sys.argv[1:] or LINES]
    for recorder in recorders:
        recorder.start()
    for recorder in recorders:
        recorder.join()
    sys.exit(any(recorder.exitcode for recorder in recorders))
