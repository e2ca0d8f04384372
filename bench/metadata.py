"""Read the metadata of 2 GiB videos of each layout with mediaprobe, ffprobe and PyAV.

Counts requests, bytes, memory, and wall time at 0 and 30 ms a request. Prints a table with the targets and writes
bench/results/metadata.json. Loopback only. Exits with 1 if a target is missed, and with 2 if something could not be
measured.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BACKEND = ROOT / "backend"
sys.path.insert(0, str(BACKEND))

from metadata_files import HOURS, KIB, SIZE_BYTES, TEN_MINUTES, Video, Workshop  # noqa: E402  # after the path
from range_server import RangeServer  # noqa: E402

ENGINE_SCRIPT = ROOT / "bench/metadata_engines.py"
BENCH_PYTHON = ROOT / ".venv-bench/bin/python"
RESULT = ROOT / "bench/results/metadata.json"

LATENCIES = (0.0, 0.030)
ROUNDS = 3
# A run is stopped after LIMIT_SECONDS. A run longer than SLOW_SECONDS is not repeated, so that all take minutes.
LIMIT_SECONDS = 20.0
SLOW_SECONDS = 3.0

# The targets.
HEADER_FIRST = 2
MOOV_LAST, MOOV_LAST_SHORT = 6, 3
ANY_VALID = 8
MOST_BYTES = 256 * KIB
MOST_MEMORY_KIB = 8 * KIB


@dataclass(frozen=True)
class Layout:
    title: str
    most_requests: int
    make: Callable[[], Video]


def layouts(workshop: Workshop) -> list[Layout]:
    film, fragments = workshop.progressive, workshop.fragmented
    return [
        Layout("MP4, header first, 3 h", HEADER_FIRST, film("mp4", "moov_first", HOURS)),
        Layout("MP4, moov at the end, 10 min", MOOV_LAST_SHORT, film("mp4", "moov_last", TEN_MINUTES)),
        Layout("MP4, moov at the end, 3 h", MOOV_LAST, film("mp4", "moov_last", HOURS)),
        Layout("MOV, header first, 3 h", HEADER_FIRST, film("mov", "moov_first", HOURS)),
        Layout("MOV, moov at the end, 10 min", MOOV_LAST_SHORT, film("mov", "moov_last", TEN_MINUTES)),
        Layout("AVI, OpenDML, 3 h", HEADER_FIRST, workshop.opendml_avi),
        Layout("MKV with header, 3 h", HEADER_FIRST, workshop.matroska_with_header("mkv")),
        Layout("WebM with Cues, 3 h", HEADER_FIRST, workshop.matroska_with_header("webm")),
        Layout("live WebM, 1 s clusters", ANY_VALID, workshop.live_webm(like_chromium=False)),
        Layout("live WebM as Chromium's, 3.3 s", ANY_VALID, workshop.live_webm(like_chromium=True)),
        Layout("fragmented MP4, 3 h, mfra", ANY_VALID, fragments(mfra=True)),
        Layout("fragmented MP4, 3 h, sidx", ANY_VALID, fragments(mfra=True, sidx=True)),
        Layout("fragmented MP4, 3 h, no index", ANY_VALID, fragments()),
    ]


@dataclass(frozen=True)
class Engine:
    name: str
    label: str
    python: Path


@dataclass(frozen=True)
class Run:
    """One run of an engine on a file. `seconds` is None if it was stopped."""

    requests: int
    bytes_sent: int
    seconds: float | None
    memory_kib: int | None
    answer: dict[str, float | int | str | None] | None
    error: str | None


@dataclass
class Reading:
    """All runs of one engine on one file, with the maximum of requests, bytes and memory, and the median time."""

    requests: int = 0
    bytes_sent: int = 0
    memory_kib: int | None = None
    seconds: dict[float, float | None] = field(default_factory=dict)
    verdict: str = "not run"


def run_once(server: RangeServer, engine: Engine, video: Video, latency: float) -> Run:
    url, account = server.expect(video.path, latency)
    command = [str(engine.python), str(ENGINE_SCRIPT), engine.name, url]
    environment = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(BACKEND)}
    with subprocess.Popen(  # noqa: S603  # this folder's own script
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, start_new_session=True
    ) as child:
        try:
            out, _ = child.communicate(timeout=LIMIT_SECONDS)
        except subprocess.TimeoutExpired:
            # The session is the child and any ffprobe that it started.
            os.killpg(child.pid, signal.SIGKILL)
            child.communicate()
            return Run(account.requests, account.bytes_sent, None, None, None, None)
    try:
        report = json.loads(out)
    except ValueError:
        report = {"seconds": 0.0, "memory_kib": 0, "error": f"ended with {child.returncode} and no answer"}
    return Run(
        account.requests,
        account.bytes_sent,
        report["seconds"],
        report["memory_kib"],
        report.get("answer"),
        report.get("error"),
    )


def measure(server: RangeServer, engines: Sequence[Engine], video: Video) -> dict[str, Reading]:
    """Alternate the engines, so that other load on the machine affects all of them equally."""
    runs: dict[tuple[str, float], list[Run]] = {(e.name, at): [] for e in engines for at in LATENCIES}
    for _ in range(ROUNDS):
        for latency in LATENCIES:
            for engine in engines:
                before = [*runs[engine.name, latency], *runs[engine.name, 0.0]]
                stopped = any(run.seconds is None for run in before)
                slow = any((run.seconds or 0) > SLOW_SECONDS for run in runs[engine.name, latency])
                if not stopped and not slow:
                    runs[engine.name, latency].append(run_once(server, engine, video, latency))
    return {
        engine.name: summary({at: runs[engine.name, at] for at in LATENCIES}, video) for engine in engines
    }


def summary(runs: dict[float, list[Run]], video: Video) -> Reading:
    every = [run for some in runs.values() for run in some]
    seconds: dict[float, float | None] = {}
    for latency, some in runs.items():
        times = [run.seconds for run in some if run.seconds is not None]
        # A run that was stopped without latency would be stopped with it.
        seconds[latency] = statistics.median(times) if times and len(times) == len(some) else None
    verdicts = {judge(run, video) for run in every}
    return Reading(
        max(run.requests for run in every),
        max(run.bytes_sent for run in every),
        max((run.memory_kib for run in every if run.memory_kib is not None), default=None),
        seconds,
        # A single wrong answer decides. The times show whether a run was stopped.
        min(verdicts - {"stopped"}, key=lambda verdict: verdict == "right", default="stopped"),
    )


def judge(run: Run, video: Video) -> str:
    """Compare duration within 0.1 s or 1 %, size and codec."""
    if run.seconds is None:
        return "stopped"
    if run.answer is None:
        return (run.error or "no answer")[:60]
    duration = run.answer["duration"]
    if not isinstance(duration, int | float):
        return "no duration"
    if abs(duration - video.seconds) > max(0.1, video.seconds / 100):
        return f"WRONG: {duration:.1f} s instead of {video.seconds:.0f}"
    for name in ("width", "height", "video_codec"):
        if run.answer[name] != getattr(video, name):
            return f"WRONG: {name} {run.answer[name]} instead of {getattr(video, name)}"
    return "right"


def missed(reading: Reading, layout: Layout, video: Video) -> list[str]:
    """Return the targets that mediaprobe misses on this file."""
    most_bytes = MOST_BYTES + video.piece_bytes
    found: list[str] = []
    if reading.verdict != "right":
        found.append(f"answer: {reading.verdict}")
    if reading.requests > layout.most_requests:
        found.append(f"requests: {reading.requests}, at most {layout.most_requests}")
    if reading.bytes_sent > most_bytes:
        found.append(f"KiB: {reading.bytes_sent / KIB:.0f}, at most {most_bytes / KIB:.0f}")
    if reading.memory_kib is None or reading.memory_kib > MOST_MEMORY_KIB:
        grown = "unknown" if reading.memory_kib is None else f"{reading.memory_kib / KIB:.1f}"
        found.append(f"memory MiB: {grown}, at most {MOST_MEMORY_KIB / KIB:.0f}")
    return found


COLUMNS = "  {:<9}{:>9} {:<9}{:>11} {:<10}{:>9} {:<8}{:>9} {:<8}{:>8} {:<7} {}"


def say(line: str = "") -> None:
    print(line.rstrip(), flush=True)  # noqa: T201


def ours_line(label: str, reading: Reading, layout: Layout, video: Video) -> str:
    return COLUMNS.format(
        label,
        reading.requests,
        f"of {layout.most_requests}",
        f"{reading.bytes_sent / KIB:,.0f}",
        f"of {(MOST_BYTES + video.piece_bytes) / KIB:,.0f}",
        *(text for latency in LATENCIES for text in (time_of(reading, latency), "")),
        memory_of(reading),
        f"of {MOST_MEMORY_KIB / KIB:.0f}",
        reading.verdict,
    )


def peer_line(label: str, peer: Reading, ours: Reading) -> str:
    """Return a peer's figures, each with its ratio to mediaprobe's. Those of a stopped run are lower bounds."""
    more = ">" if peer.seconds[LATENCIES[0]] is None else ""
    times = []
    for latency in LATENCIES:
        theirs, own = peer.seconds[latency], ours.seconds[latency]
        factor = times_ours(LIMIT_SECONDS if theirs is None else theirs, own, ">" if theirs is None else "")
        times += [time_of(peer, latency), factor]
    verdict = "never finished" if peer.verdict == "stopped" else peer.verdict
    return COLUMNS.format(
        label,
        f"{more}{peer.requests:,}",
        times_ours(peer.requests, ours.requests, more),
        f"{more}{peer.bytes_sent / KIB:,.0f}",
        times_ours(peer.bytes_sent, ours.bytes_sent, more),
        *times,
        memory_of(peer),
        times_ours(peer.memory_kib, ours.memory_kib),
        verdict,
    )


def times_ours(theirs: float | None, ours: float | None, more: str = "") -> str:
    if not theirs or not ours:
        return ""
    factor = theirs / ours
    return f"{more}x{factor:,.0f}" if factor >= 9.95 else f"{more}x{factor:.1f}"


def time_of(reading: Reading, latency: float) -> str:
    seconds = reading.seconds[latency]
    return f"over {LIMIT_SECONDS:.0f} s" if seconds is None else f"{seconds * 1000:,.0f} ms"


def memory_of(reading: Reading) -> str:
    return "-" if reading.memory_kib is None else f"{reading.memory_kib / KIB:.1f}"


def asked(*command: str) -> str | None:
    """Return the first line that a program prints, or None if it is not installed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)  # noqa: S603  # our own comparison
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.partition("\n")[0].strip()


def find_engines(not_measured: list[str]) -> tuple[list[Engine], dict[str, str]]:
    """Return mediaprobe and the installed peers, and add the others to `not_measured`."""
    engines = [Engine("ours", "ours", Path(sys.executable))]
    versions: dict[str, str] = {}
    ffprobe = asked("ffprobe", "-version")
    if ffprobe is None:
        not_measured.append("ffprobe is not installed (make tools)")
    else:
        engines.append(Engine("ffprobe", "ffprobe", Path(sys.executable)))
        versions["ffprobe"] = ffprobe.split()[2]
    pyav = asked(
        str(BENCH_PYTHON), "-c", "import av; print(av.__version__, 'with FFmpeg', av.ffmpeg_version_info)"
    )
    if pyav is None:
        not_measured.append("PyAV is not installed in .venv-bench (make bench installs it)")
    else:
        engines.append(Engine("pyav", "PyAV", BENCH_PYTHON))
        versions["pyav"] = pyav
    return engines, versions


def start_of_ffprobe() -> float:
    """Return the median time of an ffprobe process that reads nothing."""
    times = []
    for _ in range(5):
        began = time.perf_counter()
        asked("ffprobe", "-version")
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> int:
    if shutil.which("ffmpeg") is None:
        say("Nothing was measured, because ffmpeg, which creates the videos, is not installed (make tools).")
        return 2
    not_measured: list[str] = []
    misses: list[str] = []
    results: list[dict[str, object]] = []
    engines, versions = find_engines(not_measured)
    say(
        f"Metadata of videos of {SIZE_BYTES >> 30} GiB over HTTP on this machine: ours, and as multiples of it"
    )
    say(", ".join(f"{engine.label} {versions[engine.name]}" for engine in engines[1:]))
    started = {"ffprobe_start_seconds": start_of_ffprobe()} if "ffprobe" in versions else {}
    say(COLUMNS.format("", "requests", "", "KiB", "", "0 ms", "", "30 ms", "", "MiB more", "", "answer"))
    with tempfile.TemporaryDirectory(prefix="slipway-bench-") as folder, RangeServer() as server:
        for layout in layouts(Workshop(Path(folder))):
            say(layout.title)
            try:
                video = layout.make()
            except (OSError, RuntimeError, ValueError) as error:
                not_measured.append(f"{layout.title}: the video could not be created ({error})")
                say(f"  NOT MEASURED: {error}")
                continue
            readings = measure(server, engines, video)
            size = video.path.stat().st_size
            video.path.unlink()
            ours = readings["ours"]
            wrong = missed(ours, layout, video)
            say(ours_line("ours", ours, layout, video) + ("   MISSED" if wrong else ""))
            for engine in engines[1:]:
                say(peer_line(engine.label, readings[engine.name], ours))
            misses += [f"{layout.title}: {each}" for each in wrong]
            results.append(
                {
                    "layout": layout.title,
                    "size_bytes": size,
                    "seconds": video.seconds,
                    "most_requests": layout.most_requests,
                    "most_bytes": MOST_BYTES + video.piece_bytes,
                    "missed": wrong,
                    "engines": {name: as_json(reading) for name, reading in readings.items()},
                }
            )
    tell_the_rest(started, misses, not_measured)
    RESULT.parent.mkdir(exist_ok=True)
    result = {
        "versions": versions,
        "latencies_seconds": LATENCIES,
        "limit_seconds": LIMIT_SECONDS,
        **started,
        "layouts": results,
        "missed": misses,
        "not_measured": not_measured,
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n")
    return 1 if misses else 2 if not_measured else 0


def as_json(reading: Reading) -> dict[str, object]:
    fields = asdict(reading)
    fields["seconds"] = {f"at_{latency * 1000:.0f}_ms": value for latency, value in reading.seconds.items()}
    return fields


def tell_the_rest(started: dict[str, float], misses: list[str], not_measured: list[str]) -> None:
    say()
    say("0 ms, 30 ms: wall time at this latency per request, the median of three runs, or of one over 3 s.")
    if started:
        begun = started["ffprobe_start_seconds"] * 1000
        say(f"ffprobe's times include the start of its process, {begun:.0f} ms. Ours and PyAV's exclude it.")
    say("MiB more: the memory that a run adds to an idle worker at its peak, or that of ffprobe's process.")
    for line in misses:
        say(f"MISSED {line}")
    for line in not_measured:
        say(f"NOT MEASURED {line}")
    if not misses and not not_measured:
        say("Every target is reached.")


if __name__ == "__main__":
    sys.exit(main())
