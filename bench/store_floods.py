"""Measure what idle and slow connections to the embedded store cost another user.

Each flood runs beside one user who reads and writes 1 KiB through signed URLs 20 times a second. Quiet and flooded
seconds take turns in one run, and the user's p99 is compared. `--base BACKEND` also uploads 256 MiB to the store of
another version, in turns with ours. Prints a table and writes bench/results/store_floods.json. Exits with 1 if a target
is missed.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx

BENCH = Path(__file__).resolve().parent
sys.path.insert(0, str(BENCH.parent / "backend"))

from measuring import memory_of_tree  # noqa: E402  # after the path to the tests
from tests.engines.embedded import EmbeddedStore  # noqa: E402
from tests.localstore.s3 import BUCKET, OpenUpload, begin_upload, make_object  # noqa: E402

RESULT = BENCH / "results/store_floods.json"
MIB = 1024 * 1024
SMALL = b"x" * 1024
INTERVAL_SECONDS = 0.05
ROUNDS = 3
ROUND_SECONDS = 5.0
UPLOAD_ROUNDS = 3
PART_BYTES = 16 * MIB
PARTS = 16
P99_TARGET = 2.0
THROUGHPUT_TARGET = 0.95
MEMORY_TARGET_MIB = 64.0
"""A connection costs 30 KiB. Forged requests once took 13 KiB each for ever, which was 100 MiB in such a flood."""
SLOWEST_SECONDS = 30.0


@dataclass(frozen=True)
class Flood:
    kind: str
    connections: int
    addresses: int = 1


FLOODS = {
    "half-open, one address": Flood("silent", 1100),
    "half-open, 249 addresses": Flood("silent", 1100, 249),
    "slow headers, one address": Flood("drip head", 1100),
    "slow headers, 249 addresses": Flood("drip head", 1100, 249),
    "slow unsigned bodies, 249 addresses": Flood("drip unsigned", 1100, 249),
    "slow signed bodies, one address": Flood("drip signed", 300),
    "400 MiB of headers, four connections": Flood("headers", 4),
    "forged requests, one address": Flood("repeat forged", 64),
    "forged requests, 249 addresses": Flood("repeat forged", 249, 249),
    "views of one byte, one address": Flood("repeat view", 64),
}


@dataclass
class User:
    """Another user's calls, from an address without a flood."""

    get_url: str
    put_url: str
    client: httpx.Client = field(
        default_factory=lambda: httpx.Client(
            transport=httpx.HTTPTransport(local_address="127.0.0.251"),
            timeout=SLOWEST_SECONDS,
        )
    )

    def latencies(self, seconds: float) -> list[float]:
        """Return the milliseconds of each call. A call that fails counts as the longest wait."""
        found, ends_at = [], time.monotonic() + seconds
        while (began := time.monotonic()) < ends_at:
            for ask in (
                lambda: self.client.get(self.get_url),
                lambda: self.client.put(self.put_url, content=SMALL),
            ):
                found.append(1000 * self._time(ask))
            time.sleep(max(0.0, INTERVAL_SECONDS - (time.monotonic() - began)))
        return found

    def _time(self, ask: object) -> float:
        began = time.monotonic()
        try:
            answer = ask()  # type: ignore[operator]
        except httpx.HTTPError:
            return SLOWEST_SECONDS
        return time.monotonic() - began if answer.is_success else SLOWEST_SECONDS


def p99(values: list[float]) -> float:
    return sorted(values)[math.ceil(0.99 * len(values)) - 1]


def head_of(flood: Flood, store: EmbeddedStore, upload: OpenUpload, get_url: str) -> str:
    host = f"Host: 127.0.0.1:{store.port}\\r\\n"
    if flood.kind.startswith("repeat"):
        view = urlsplit(get_url)
        forged = "0" if flood.kind == "repeat forged" else ""
        return f"GET {view.path}?{view.query}{forged} HTTP/1.1\\r\\n{host}Range: bytes=0-0\\r\\n\\r\\n"
    url = urlsplit(upload.presign_part(2, PART_BYTES))
    signature = "" if flood.kind == "drip signed" else "0"
    line = f"PUT {url.path}?{url.query}{signature} HTTP/1.1\\r\\n{host}"
    return line + ("X-A: " if flood.kind == "drip head" else f"Content-Length: {PART_BYTES}\\r\\n\\r\\n")


@contextmanager
def attack(flood: Flood, store: EmbeddedStore, upload: OpenUpload, get_url: str) -> Iterator[None]:
    command = [sys.executable, str(BENCH / "store_attackers.py"), flood.kind.split()[0]]
    command += ["--port", str(store.port), "--connections", str(flood.connections)]
    command += [
        "--addresses",
        str(flood.addresses),
        "--head",
        head_of(flood, store, upload, get_url),
    ]
    attacker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)  # noqa: S603  # our own
    try:
        assert attacker.stdout is not None  # noqa: S101  # it was opened with a pipe
        attacker.stdout.readline()
        yield
    finally:
        attacker.communicate()


def measure_flood(flood: Flood, store: EmbeddedStore) -> dict[str, float]:
    """Return the user's p99 without and with the flood, in ms, and how much memory the store took more, in MiB."""
    attacked = begin_upload(store)
    own = begin_upload(store)  # of another owner, because each owner has its own limit of requests
    made = make_object(store, [SMALL])
    get_url = store.client().generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": made.object_key}
    )
    user = User(get_url, own.presign_part(1, len(SMALL)))
    user.latencies(1.0)
    quiet: list[float] = []
    flooded: list[float] = []
    before, most = memory_of_tree(store.process.pid), 0
    for _ in range(ROUNDS):
        quiet += user.latencies(ROUND_SECONDS)
        with attack(flood, store, attacked, get_url):
            flooded += user.latencies(ROUND_SECONDS)
            most = max(most, memory_of_tree(store.process.pid))
    user.client.close()
    return {
        "quiet_p50_ms": statistics.median(quiet),
        "quiet_p99_ms": p99(quiet),
        "flooded_p50_ms": statistics.median(flooded),
        "flooded_p99_ms": p99(flooded),
        "p99_ratio": p99(flooded) / p99(quiet),
        "failed": sum(value >= 1000 * SLOWEST_SECONDS for value in flooded),
        "memory_mib": (most - before) / MIB,
    }


def upload_mib_per_second(store: EmbeddedStore) -> float:
    body = bytes(PART_BYTES)
    upload = begin_upload(store)
    urls = [upload.presign_part(number, PART_BYTES) for number in range(1, PARTS + 1)]
    began = time.monotonic()
    with httpx.Client(timeout=300) as client, ThreadPoolExecutor(4) as pool:
        statuses = set(pool.map(lambda url: client.put(url, content=body).status_code, urls))
    taken = time.monotonic() - began
    if statuses != {200}:
        raise RuntimeError(f"a part was answered with {statuses}")
    upload.abort()
    return PARTS * PART_BYTES / MIB / taken


def measure_throughput(ours: EmbeddedStore, base: EmbeddedStore) -> dict[str, float]:
    speeds: dict[str, list[float]] = {"ours": [], "base": []}
    for store in (ours, base):
        upload_mib_per_second(store)
    for _ in range(UPLOAD_ROUNDS):
        speeds["base"].append(upload_mib_per_second(base))
        speeds["ours"].append(upload_mib_per_second(ours))
    middle = {name: statistics.median(values) for name, values in speeds.items()}
    return {
        "ours_mib_per_second": middle["ours"],
        "base_mib_per_second": middle["base"],
        "ratio": middle["ours"] / middle["base"],
    }


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", type=Path, help="the folder `backend` of another version")
    parser.add_argument("--only", default="", help="a part of the floods' names")
    options = parser.parse_args()
    results: dict[str, object] = {}
    is_reached = True
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        store = stack.enter_context(EmbeddedStore(folder / "ours"))
        store.client().create_bucket(Bucket=BUCKET)
        for name, flood in FLOODS.items():
            if options.only not in name:
                continue
            found = measure_flood(flood, store)
            results[name] = found
            is_reached &= found["p99_ratio"] <= P99_TARGET
            is_reached &= found["memory_mib"] <= MEMORY_TARGET_MIB
            say(
                f"{name:38} p99 {found['quiet_p99_ms']:6.1f} -> {found['flooded_p99_ms']:7.1f} ms, "
                f"ratio {found['p99_ratio']:.2f}, {found['failed']} failed, {found['memory_mib']:+.0f} MiB"
            )
        if options.base:
            base = stack.enter_context(EmbeddedStore(folder / "base", backend=options.base))
            base.client().create_bucket(Bucket=BUCKET)
            throughput = measure_throughput(store, base)
            results["throughput"] = throughput
            is_reached &= throughput["ratio"] >= THROUGHPUT_TARGET
            say(
                f"upload of 256 MiB: {throughput['ours_mib_per_second']:.0f} MiB/s, "
                f"base {throughput['base_mib_per_second']:.0f} MiB/s, ratio {throughput['ratio']:.2f}"
            )
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps(results, indent=2) + "\n")
    return 0 if is_reached else 1


if __name__ == "__main__":
    sys.exit(main())
