"""Measure the metadata reader on hostile files and a million mutated ones, and its agreement with ffprobe.

The tests check the same with fewer files. Writes bench/results/metadata_safety.json. Takes about ten minutes on two
cores, nearly all of it for the mutated files.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from mediaprobe import Budget, ProbeError  # noqa: E402  # after the path to the reader and its tests
from tests import media  # noqa: E402
from tests.mediaprobe import floods, hostile, oracle, test_corpus, test_fuzz, test_hostile, test_isolation  # noqa: E402
from tests.mediaprobe.conftest import CORPUS  # noqa: E402

RESULT = ROOT / "bench/results/metadata_safety.json"
MUTATIONS = int(os.environ.get("SLIPWAY_MUTATIONS", "1000000"))
BATCH = 10_000


def hostile_rows() -> dict[str, tuple[float, float]]:
    report = json.loads(test_isolation.run_python(test_isolation._AUDITED, str(test_isolation.BACKEND)))
    accounts = [test_hostile.ending(case.make())[2] for case in hostile.INPUTS]
    # The canary is the only expected event.
    opened = len(report["seen"]) - 1
    return {
        f"{report['count']} hostile files: worst CPU seconds": (round(report["slowest"][1], 3), 1.0),
        "  most requests": (max(account.requests for account in accounts), 32),
        "  most MiB": (round(max(account.bytes_read for account in accounts) / 2**20, 1), 24),
        "  files and sockets opened": (opened, 0),
    }


def mutation_rows() -> dict[str, tuple[float, float]]:
    seed = f"bench-{time.time_ns()}"
    with tempfile.TemporaryDirectory() as folder:
        samples = {
            container: media.make_video(Path(folder) / f"sample.{container}", container).read_bytes()
            for container in media.CONTAINERS
        }
    videos = test_fuzz.seeds(samples)
    results = test_fuzz.Results()
    for name, make in floods.FLOODS.items():
        results.probe(make(), name)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        jobs = [
            pool.submit(test_fuzz.campaign, videos, seed, start, min(BATCH, MUTATIONS - start))
            for start in range(0, MUTATIONS, BATCH)
        ]
        for job in jobs:
            results.add(job.result())
    endings = results.endings
    bad = sum(count for ending, count in endings.items() if ending.startswith(("UNCAUGHT", "OVER BUDGET")))
    return {
        f"{endings.total():,} floods and mutated files (seed {seed}), uncaught or over budget": (bad, 0),
        "  worst CPU seconds": (round(results.slowest, 3), 1.0),
        "  most units of work": (results.most_work, Budget().work),
    }


def agreement() -> tuple[float, int] | None:
    if not CORPUS.is_dir() or shutil.which("ffprobe") is None:
        return None
    asked = {path: oracle.ask(path) for path in test_corpus.collect(CORPUS)}
    sane = {path: answer for path, answer in asked.items() if answer and answer.family and answer.sane}
    agreeing = 0
    for path, answer in sane.items():
        ours = test_corpus.read(path)
        agreeing += not isinstance(ours, ProbeError) and not oracle.differences(ours, answer)
    return 100 * agreeing / len(sane), len(sane)


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def main() -> int:
    rows = {**hostile_rows(), **mutation_rows()}
    missed = [name for name, (value, most) in rows.items() if value > most]
    for name, (value, most) in rows.items():
        say(f"  {name:88} {value:>8} of {most}{'   MISSED' if value > most else ''}")
    share = agreement()
    if share is None:
        say("  agreement with ffprobe: NOT MEASURED (the public files or ffprobe are missing)")
    else:
        verdict = "" if share[0] >= 97 else "   MISSED"
        name = f"agreement with ffprobe in all 8 fields, {share[1]} public files"
        say(f"  {name:88} {share[0]:>7.1f}% of 97%{verdict}")
        missed += ["agreement"] if verdict else []
    RESULT.parent.mkdir(exist_ok=True)
    result = {
        "rows": {name: value for name, (value, _) in rows.items()},
        "agreement": share,
        "missed": missed,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if missed else 2 if share is None else 0


if __name__ == "__main__":
    sys.exit(main())
