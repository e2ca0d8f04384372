"""Measure what files that take long to read cost everybody else, on a running Slipway.

Eight of them wait in the queue, then an ordinary video. Known floods end by the reader's own budget. Unknown ones take
13 s of processor time in a copy of the reader that lacks a limit for them. Meanwhile a client lists its videos 50 times
a second. Quiet and flooded seconds take turns in one run. Prints a table and writes bench/results/probe_floods.json.
Exits with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from tests.engines.slipway import SlipwayProcess  # noqa: E402  # after the path to the tests
from tests.mediaprobe import floods  # noqa: E402
from tests.mediaprobe.builders import progressive_mp4  # noqa: E402

RESULT = ROOT / "bench/results/probe_floods.json"
FLOODS_AT_ONCE = 8
ROUNDS = 5
QUIET_SECONDS = 5.0
INTERVAL_SECONDS = 0.02
MOST_SECONDS = 120.0
READY_TARGET_SECONDS = 10.0
P99_TARGET = 2.0

ORDINARY = progressive_mp4(10, 50_000, moov_first=True).read_range(0, 2**20, None).data
MARK = b"an unknown flood"
UNKNOWN_FLOOD = ORDINARY + MARK
KNOWN_FLOOD = dict(floods.FLOODS)["hevc configurations in a compressed header"]()
_UNLIMITED = f"""

_known = probe


def probe(source, **how):
    answer, began = source.read_range(0, 65536, None), time.thread_time()
    while {MARK!r} in answer.data and time.thread_time() - began < 13:
        pass
    return _known(source, **how)
"""


class Installation:
    """Slipway on a copy of the backend whose reader has no limit for unknown floods."""

    def __init__(self, folder: Path, backend: Path) -> None:
        copy = folder / "backend"
        for name in ("app", "localstore", "mediaprobe"):
            shutil.copytree(backend / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        with (copy / "mediaprobe/probing.py").open("a") as reader:
            reader.write(_UNLIMITED)
        settings = {"PYTHONPATH": str(copy), "USER_MAX_UPLOADS_IN_FLIGHT": "1000"}
        self.slipway = SlipwayProcess(folder / "data", settings)


def send(api: httpx.Client, data: bytes) -> str:
    """Create a video and send its only part, without completing it."""
    body = {"filename": "video.mp4", "size_bytes": len(data), "content_type": "video/mp4"}
    created = api.post("/videos", json=body).raise_for_status().json()
    (part,) = created["upload"]["parts"]
    httpx.put(part["url"], content=data).raise_for_status()
    video_id: str = created["video"]["id"]
    return video_id


def complete(api: httpx.Client, video_id: str) -> None:
    api.post(f"/videos/{video_id}/complete", json={"parts": []}).raise_for_status()


class Sampler:
    """Lists the videos at a steady rate, and notes how long each answer takes."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api
        self.seconds: list[float] = []

    def until(self, wanted: str | None, most_seconds: float) -> float:
        """Return the seconds until this video is ready, or `most_seconds`."""
        began = following = time.perf_counter()
        while (now := time.perf_counter()) - began < most_seconds:
            answer = self._api.get("/videos", params={"limit": "20"})
            self.seconds.append(time.perf_counter() - now)
            items = answer.raise_for_status().json()["items"]
            if any(item["id"] == wanted and item["status"] == "ready" for item in items):
                return time.perf_counter() - began
            # Never shorter after a slow answer, so that the rate stays what it is.
            following = max(following + INTERVAL_SECONDS, time.perf_counter())
            time.sleep(max(0.0, following - time.perf_counter()))
        return most_seconds


def p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[math.ceil(len(seconds) * 0.99) - 1]


def measure(api: httpx.Client, flood: bytes, rounds: int) -> dict[str, object]:
    quiet, flooded = Sampler(api), Sampler(api)
    ready: list[float] = []
    for _ in range(rounds):
        quiet.until(None, QUIET_SECONDS)
        waiting = [send(api, flood) for _ in range(FLOODS_AT_ONCE)]
        ordinary = send(api, ORDINARY)
        with ThreadPoolExecutor(FLOODS_AT_ONCE) as pool:
            list(pool.map(lambda video_id: complete(api, video_id), waiting))
        began = time.perf_counter()
        complete(api, ordinary)
        completed = time.perf_counter() - began
        waited = flooded.until(ordinary, MOST_SECONDS)
        ready.append(completed + waited)
        # Some known floods end within a second. The window is never shorter than the quiet one.
        flooded.until(None, QUIET_SECONDS - waited)
        wait_for_end(api)
    return {
        "ordinary_ready_seconds": [round(seconds, 2) for seconds in ready],
        "samples": [len(quiet.seconds), len(flooded.seconds)],
        "quiet_ms": [round(1000 * take(quiet.seconds), 1) for take in (statistics.median, p99)],
        "flooded_ms": [round(1000 * take(flooded.seconds), 1) for take in (statistics.median, p99)],
        "p99_ratio": round(p99(flooded.seconds) / p99(quiet.seconds), 2),
    }


def wait_for_end(api: httpx.Client) -> None:
    deadline = time.monotonic() + 10 * MOST_SECONDS
    while any(item["status"] == "processing" for item in api.get("/videos?limit=100").json()["items"]):
        if time.monotonic() > deadline:
            raise TimeoutError("the floods do not end")
        time.sleep(0.5)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", type=Path, default=ROOT / "backend", help="another version to compare")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    results: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        slipway = Installation(Path(folder), given.backend).slipway
        with slipway, slipway.api("bench@example.com") as api:
            for name, flood in (("known", KNOWN_FLOOD), ("unknown", UNKNOWN_FLOOD)):
                results[name] = measure(api, flood, given.rounds)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if show(results) else 1


def show(results: dict[str, dict[str, object]]) -> bool:
    """Print the table. Return whether every target is met."""
    say("| eight floods | ordinary video ready | API's median and p99, quiet | flooded | p99 ratio | |")
    say("|---|---|---|---|---|---|")
    reached = True
    for name, row in results.items():
        ready, ratio = max(row["ordinary_ready_seconds"]), row["p99_ratio"]  # type: ignore[call-overload]
        met = ready <= READY_TARGET_SECONDS and ratio <= P99_TARGET
        reached = reached and met
        say(
            f"| {name} | {ready:.1f} s at most | {row['quiet_ms']} ms | {row['flooded_ms']} ms | {ratio} "
            f"| {'met' if met else 'MISSED'} |"
        )
    say(f"Targets: ready within {READY_TARGET_SECONDS:g} s, p99 within {P99_TARGET:g} times its quiet value.")
    return reached


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
