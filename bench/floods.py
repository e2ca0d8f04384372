"""Measure what strangers who flood the app's connections cost a user, on a running Slipway.

Five floods from one address and from 200 come from a process of their own on this machine.
Meanwhile a user lists videos, creates one and signs its part, 50 requests a second in all. Quiet and flooded seconds
take turns in one run. Prints a table and writes bench/results/floods.json. Exits with 1 if a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from measuring import MIB, MemoryWatch, opened  # noqa: E402  # beside this file
from tests.engines.slipway import SlipwayProcess  # noqa: E402  # after the path to the tests

RESULT = ROOT / "bench/results/floods.json"
ROUNDS = 3
SECONDS = 6.0
INTERVAL_SECONDS = 0.02
P99_TARGET = 2.0
MEMORY_TARGET_MIB = 200.0
CONNECTIONS = 1000
HEADER_BYTES = 400 * MIB
SOURCES = {"one": ["127.0.0.2"], "many": [f"127.1.{n // 100}.{n % 100 + 1}" for n in range(200)]}
MANY_VIDEOS = {"USER_MAX_UPLOADS_IN_FLIGHT": "100000", "USER_MAX_VIDEOS": "100000"}

Writer = asyncio.StreamWriter
Attack = Callable[[Writer], Awaitable[None]]


# --- floods -------------------------------------------------------------------------------------------------------


async def half_open(_writer: Writer) -> None:
    await asyncio.sleep(3600)


async def slow_headers(writer: Writer) -> None:
    await slowly(writer, b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: y\r\n")


async def slow_bodies(writer: Writer) -> None:
    start = b"POST /api/v1/auth/token HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n"
    await slowly(writer, start + b"Content-Type: application/x-www-form-urlencoded\r\n\r\n", b"a")


async def malformed(writer: Writer) -> None:
    writer.write(b"GET / HTTP/1.1\r\nbroken\r\n\r\n")
    await asyncio.sleep(3600)  # until the app closes


async def slowly(writer: Writer, start: bytes, more: bytes) -> None:
    writer.write(start)
    while True:
        await asyncio.sleep(1)
        writer.write(more)
        await writer.drain()


@dataclass
class Reached:
    """What this process, which is one flood, has done."""

    connections: int = 0
    header_bytes: int = 0


reached = Reached()


async def many_headers(writer: Writer) -> None:
    """Send as fast as the app reads, until all connections together have sent 400 MB."""
    writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
    block = b"X-Flood: " + b"x" * 8000 + b"\r\n"
    while reached.header_bytes < HEADER_BYTES:
        writer.write(block)
        reached.header_bytes += len(block)
        await writer.drain()


FLOODS: dict[str, tuple[Attack, int]] = {
    "half-open connections": (half_open, CONNECTIONS),
    "slow headers": (slow_headers, CONNECTIONS),
    "slow bodies": (slow_bodies, CONNECTIONS),
    "malformed requests": (malformed, CONNECTIONS),
    "400 MB of headers": (many_headers, 20),
}


async def attack_again(attack: Attack, port: int, source: str) -> None:
    """Attack on one connection after the other. What the app ends is opened again after a tenth of a second."""
    while reached.header_bytes < HEADER_BYTES:
        with suppress(OSError, asyncio.TimeoutError):
            async with asyncio.timeout(10):
                reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
            reached.connections += 1
            work = asyncio.ensure_future(attack(writer))
            closed = asyncio.ensure_future(reader.read())
            await asyncio.wait((work, closed), return_when=asyncio.FIRST_COMPLETED)
            for task in (work, closed):
                task.cancel()
            await asyncio.gather(work, closed, return_exceptions=True)
            writer.transport.abort()
        await asyncio.sleep(0.1)


async def flood(name: str, port: int, sources: Sequence[str]) -> None:
    attack, count = FLOODS[name]
    attacks = (attack_again(attack, port, sources[n % len(sources)]) for n in range(count))
    await asyncio.gather(report(), *attacks)


async def report() -> None:
    """Tell the parent again and again, because it kills this process."""
    while True:
        say(json.dumps(asdict(reached)))
        sys.stdout.flush()
        await asyncio.sleep(0.2)


class FloodProcess:
    def __init__(self, name: str, port: int, origin: str) -> None:
        command = [sys.executable, __file__, "--flood", name, "--port", str(port), "--origin", origin]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own
        # Until it has begun, there is nothing to measure.
        while not self._next().connections:
            pass

    def _next(self) -> Reached:
        return Reached(**json.loads(opened(self._process.stdout).readline()))

    def stop(self) -> Reached:
        self._process.kill()
        said, _ = self._process.communicate()
        return Reached(**json.loads(said[: said.rindex("\n")].rpartition("\n")[2]))


# --- the user -----------------------------------------------------------------------------------------------------


class User:
    """Lists, creates and signs in turn at a steady rate, and notes how long each answer takes."""

    def __init__(self, api: httpx.Client) -> None:
        self._api = api
        self._turn = 0
        self._video_id = ""
        self._part: list[int] = [1]

    def works(self, seconds: float) -> list[float]:
        taken: list[float] = []
        began = following = time.perf_counter()
        while (now := time.perf_counter()) - began < seconds:
            self._request()
            taken.append(time.perf_counter() - now)
            # Never shorter after a slow answer, so that the rate stays what it is.
            following = max(following + INTERVAL_SECONDS, time.perf_counter())
            time.sleep(max(0.0, following - time.perf_counter()))
        return taken

    def _request(self) -> None:
        self._turn += 1
        if self._turn % 10 == 1:
            body = {"filename": "video.mp4", "size_bytes": 1000, "content_type": "video/mp4"}
            answer = self._api.post("/videos", json=body)
            self._video_id = answer.raise_for_status().json()["video"]["id"]
        elif self._turn % 2:
            path = f"/videos/{self._video_id}/parts"
            self._api.post(path, json={"part_numbers": self._part}).raise_for_status()
        else:
            self._api.get("/videos", params={"limit": "20"}).raise_for_status()


def p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[math.ceil(len(seconds) * 0.99) - 1]


def median(seconds: Sequence[float]) -> float:
    return sorted(seconds)[len(seconds) // 2]


def measure(slipway: SlipwayProcess, user: User, name: str, origin: str, rounds: int) -> dict[str, object]:
    quiet: list[float] = []
    flooded: list[float] = []
    did = Reached()
    memory = MemoryWatch(slipway.process.pid)
    for _ in range(rounds):
        quiet += user.works(SECONDS)
        process = FloodProcess(name, slipway.port, origin)
        try:
            flooded += user.works(SECONDS)
        finally:
            done = process.stop()
        did.connections += done.connections
        did.header_bytes += done.header_bytes
        user.works(1.0)  # the app notices what has ended
    return {
        "samples": [len(quiet), len(flooded)],
        "quiet_ms": [round(1000 * take(quiet), 1) for take in (median, p99)],
        "flooded_ms": [round(1000 * take(flooded), 1) for take in (median, p99)],
        "p99_ratio": round(p99(flooded) / p99(quiet), 2),
        "connections": did.connections,
        "header_mib": round(did.header_bytes / MIB),
        "memory_mib": round(memory.growth_mib(), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--flood", choices=FLOODS, help="only flood a port, for this script itself")
    parser.add_argument("--port", type=int)
    parser.add_argument("--origin", choices=SOURCES)
    given = parser.parse_args()
    if given.flood:
        asyncio.run(flood(given.flood, given.port, SOURCES[given.origin]))
        return 0
    results: dict[str, dict[str, object]] = {}
    with tempfile.TemporaryDirectory() as folder:
        slipway = SlipwayProcess(Path(folder) / "data", MANY_VIDEOS)
        with slipway, slipway.api("bench@example.com") as api:
            user = User(api)
            user.works(1.0)
            for origin in SOURCES:
                for name in FLOODS:
                    results[f"{name}, {origin}"] = measure(slipway, user, name, origin, given.rounds)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if show(results) else 1


def show(results: dict[str, dict[str, object]]) -> bool:
    """Print the table. Return whether every target is met."""
    say("| flood, addresses | did | user's median and p99, quiet | flooded | p99 ratio | memory | |")
    say("|---|---|---|---|---|---|---|")
    all_met = True
    for name, row in results.items():
        ratio, memory = float(str(row["p99_ratio"])), float(str(row["memory_mib"]))
        met = ratio <= P99_TARGET and memory <= MEMORY_TARGET_MIB
        all_met = all_met and met
        say(
            f"| {name} | {row['connections']} connections, {row['header_mib']} MiB | {row['quiet_ms']} ms "
            f"| {row['flooded_ms']} ms | {ratio} | +{memory} MiB "
            f"| {'met' if met else 'MISSED'} |"
        )
    say(f"Targets: p99 within {P99_TARGET:g} times its quiet value, at most {MEMORY_TARGET_MIB:g} MiB more.")
    return all_met


def say(line: str) -> None:
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main())
