"""Measure the upload engine against its peers, on loopback and on an emulated link between network namespaces.

Every contender but curl is its real npm package in a new Chromium, with page and store on two origins. Contenders take
turns, and medians of the rounds count. Prints one table with the targets and writes bench/results/upload.json.
Exits with 1 if a target is missed, and with 2 if something could not be measured. `--quick` tries everything small and
compares nothing with its target.
"""

# ruff: noqa: S603, S607  # starts programs of this folder and of the system, by name as `make` does

from __future__ import annotations

import argparse
import json
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "bench/upload"
RESULTS = ROOT / "bench/results"
sys.path.insert(0, str(HERE))

from contest import CHROMIUM, LABELS, Arena, Outcome, make_file  # noqa: E402  # after the path
from faults import FAULTS, HANGS_AFTER_SECONDS, Verdict, run_fault  # noqa: E402
from link import FAR_ADDRESS, Link, LinkUnavailable, why_not  # noqa: E402
from measuring import MIB  # noqa: E402
from playwright.sync_api import Playwright, sync_playwright  # noqa: E402
from servers import Servers  # noqa: E402

PARTS = ("size", "eta", "loopback", "reset", "requests", "faults", "clean", "lossy", "slow")


@dataclass(frozen=True)
class Scale:
    rounds: int
    loopback_mib: int
    reset_mib: int
    requests_mib: int
    clean_mib: int
    lossy_seconds: float
    # Which packets are lost is chance, which more rounds even out.
    lossy_rounds: int
    slow_mib: int
    limit_seconds: float


FULL = Scale(3, 1024, 1024, 2048, 128, 25, 5, 32, 180)
QUICK = Scale(1, 128, 128, 128, 8, 6, 1, 2, 60)


@dataclass(frozen=True)
class Row:
    """One row of the table. `met` is None if there is no target, or nothing to compare with it."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None
    not_measured: bool = False


@dataclass
class Report:
    rows: list[Row] = field(default_factory=list)
    outcomes: dict[str, list[Outcome]] = field(default_factory=dict)
    verdicts: list[Verdict] = field(default_factory=list)
    others: dict[str, object] = field(default_factory=dict)

    def tell(self, what: str, value: str) -> None:
        self.rows.append(Row(what, value))

    def at_least(self, what: str, value: float | None, target: float, unit: str = "") -> None:
        self._judge(what, value, f">= {target:g}{unit}", unit, lambda got: got >= target)

    def at_most(self, what: str, value: float | None, target: float, unit: str = "") -> None:
        self._judge(what, value, f"<= {target:g}{unit}", unit, lambda got: got <= target)

    def below(self, what: str, value: float | None, target: float, unit: str = "") -> None:
        self._judge(what, value, f"< {target:g}{unit}", unit, lambda got: got < target)

    def not_measured(self, what: str, why: str) -> None:
        self.rows.append(Row(what, f"not measured: {why}", not_measured=True))

    def _judge(
        self, what: str, value: float | None, target: str, unit: str, holds: Callable[[float], bool]
    ) -> None:
        if value is None:
            self.rows.append(Row(what, "no figure: a contender did not end well", target, not_measured=True))
            return
        self.rows.append(
            Row(
                what, f"{value:.3g}{unit}" if abs(value) < 100 else f"{value:.0f}{unit}", target, holds(value)
            )
        )


class Measurement:
    def __init__(self, playwright: Playwright, folder: Path, scale: Scale, report: Report) -> None:
        self.playwright, self.folder, self.scale, self.report = playwright, folder, scale, report

    # loopback

    def loopback(self) -> None:
        report, scale = self.report, self.scale
        contenders = ["slipway-bare", "slipway", "uppy6", "uppy5", "xhr", "upchunk", "tus", "better", "curl"]
        with Servers() as servers:
            arena = Arena(self.playwright, servers)
            video = make_file(self.folder, scale.loopback_mib)
            runs = self._rounds("loopback", arena, contenders, video)
        size = f"{scale.loopback_mib} MiB on loopback"
        bare, ours = speed(runs["slipway-bare"]), speed(runs["slipway"])
        report.at_least(f"{size}, integrity off: speed to Uppy 6.3", ratio(bare, speed(runs["uppy6"])), 1.5)
        report.at_least(f"{size}, integrity on: to Uppy 6.3", ratio(ours, speed(runs["uppy6"])), 1.0)
        report.at_least(f"{size}, integrity off: to Uppy 5", ratio(bare, speed(runs["uppy5"])), 1.0)
        report.at_least(
            f"{size}, integrity off: to Chromium's whole-file XHR", ratio(bare, speed(runs["xhr"])), 0.55
        )
        cost = ratio(ours, bare)
        report.tell(
            "  cost of integrity", "no figure" if cost is None else f"{(1 - cost) * 100:.0f} % of the speed"
        )
        report.at_most(f"{size}: browser memory over idle", growth(runs["slipway"]), 64, " MiB")
        self._tell_all(runs)

    def reset(self) -> None:
        size_mib = self.scale.reset_mib
        contenders = ["slipway", "uppy6", "uppy5", "xhr"]
        with Servers() as servers:
            arena = Arena(self.playwright, servers)
            video = make_file(self.folder, size_mib)
            fault = {"kind": "reset_once", "after_bytes": size_mib * MIB // 2}
            runs = self._rounds("reset", arena, contenders, video, fault)
        part_mib = min(max(-(-size_mib // 6), 5), 16)
        twice = [
            None if run.seconds is None else (run.store_bytes - run.size_bytes) / MIB / part_mib
            for run in runs["slipway"]
        ]
        worst = None if None in twice else max((value for value in twice if value is not None), default=None)
        self.report.at_most(f"{size_mib} MiB, one connection reset: parts sent twice", worst, 2)
        for name in contenders[1:]:
            said = [
                f"{(run.store_bytes - run.size_bytes) / MIB:.0f} MiB"
                if run.seconds is not None
                else "gave up"
                for run in runs[name]
            ]
            self.report.tell(f"  {LABELS[name]}: sent twice", ", ".join(said))

    def requests(self) -> None:
        size_mib = self.scale.requests_mib
        with Servers() as servers:
            arena = Arena(self.playwright, servers)
            video = make_file(self.folder, size_mib)
            runs = {
                name: [self._once(arena, "requests", name, video)] for name in ("slipway", "uppy6", "uppy5")
            }
            video.unlink()
        asked = runs["slipway"][0]
        self.report.at_most(
            f"{size_mib} MiB: API requests", None if asked.seconds is None else asked.api_requests, 8
        )
        for name in ("uppy6", "uppy5"):
            self.report.tell(f"  {LABELS[name]}", f"{runs[name][0].api_requests}")

    def faults(self) -> None:
        with Servers() as servers:
            for fault in FAULTS:
                progress(f"  {fault.title} ...")
                video = make_file(self.folder, fault.size_mib)
                self.report.verdicts += run_fault(self.playwright, servers, fault, video)
        ours = [verdict for verdict in self.report.verdicts if verdict.contender == "slipway"]
        recovered = sum(verdict.recovered for verdict in ours)
        self.report.rows.append(
            Row(
                f"of {len(ours)} faults of the peers' table, recovered from",
                f"{recovered}",
                f"{len(ours)}",
                recovered == len(ours),
            )
        )

    # the emulated link

    def clean(self) -> None:
        contenders = ["slipway", "curl", "uppy6", "uppy5"]
        title = "50 Mbit/s, 80 ms"
        with Link(self.folder, megabits=50, round_trip_ms=80) as link, self._beyond(link) as servers:
            arena = Arena(self.playwright, servers, link.near)
            runs = self._rounds("clean", arena, contenders, make_file(self.folder, self.scale.clean_mib))
        ours = speed(runs["slipway"])
        for name, least, aim in (("curl", 0.85, 0.95), ("uppy6", 1.3, 1.5), ("uppy5", 0.9, 1.0)):
            self.report.at_least(
                f"{title}: to {LABELS[name]} (aim {aim:g})", ratio(ours, speed(runs[name])), least
            )
        for name in ("uppy6", "uppy5"):
            first = ratio(first_byte(runs["slipway"]), first_byte(runs[name]))
            self.report.below(f"{title}: chosen to first byte, to {LABELS[name]}", first, 1)
        self.report.at_most(f"{title}: last byte to done", to_done(runs["slipway"]), 400, " ms")
        self._tell_all(runs)

    def lossy(self) -> None:
        contenders = ["slipway", "uppy6", "uppy5"]
        title = "50 Mbit/s, 80 ms, 0.5 % loss"
        scale, seconds = self.scale, self.scale.lossy_seconds
        with (
            Link(self.folder, megabits=50, round_trip_ms=80, loss_percent=0.5) as link,
            self._beyond(link) as servers,
        ):
            arena = Arena(self.playwright, servers, link.near)
            video = make_file(self.folder, 256)
            runs = self._rounds(
                "lossy", arena, contenders, video, cut_after_seconds=seconds, rounds=scale.lossy_rounds
            )
        ours = speed(runs["slipway"])
        for name, least in (("uppy6", 4.0), ("uppy5", 1.0)):
            self.report.at_least(f"{title}: to {LABELS[name]}", ratio(ours, speed(runs[name])), least)
        self._tell_all(runs)

    def slow(self) -> None:
        contenders = ["slipway", "curl"]
        title = "5 Mbit/s, 300 ms"
        with Link(self.folder, megabits=5, round_trip_ms=300) as link, self._beyond(link) as servers:
            arena = Arena(self.playwright, servers, link.near)
            runs = self._rounds("slow", arena, contenders, make_file(self.folder, self.scale.slow_mib))
        self.report.at_least(f"{title}: to curl", ratio(speed(runs["slipway"]), speed(runs["curl"])), 0.9)
        self._tell_all(runs)

    # without a browser

    def size(self) -> None:
        weights: dict[str, int] = json.loads((HERE / "out/weights.json").read_text())
        self.report.others["weights"] = weights
        self.report.at_most(
            "engine, minified and gzipped, without the hash", weights["slipway"] / 1000, 8, " KB"
        )
        peers = ", ".join(
            f"{LABELS[name]} {size / 1000:.1f}" for name, size in weights.items() if name != "slipway"
        )
        self.report.tell("  the peers' (KB)", peers)

    def eta(self) -> None:
        done = subprocess.run(
            ["node", str(HERE / "out/eta-replay.mjs"), str(HERE / "traces")],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        readings: dict[str, dict[str, float | None]] = json.loads(done.stdout)
        self.report.others["eta"] = readings
        for name, most in (("steady", 15), ("sawtooth", 25), ("step", 35)):
            median = readings.get(name, {}).get("median_error")
            self.report.at_most(
                f"time left, recorded {name} line: median error",
                None if median is None else median * 100,
                most,
                " %",
            )

    # what all share

    def _beyond(self, link: Link) -> Servers:
        return Servers(FAR_ADDRESS, link.far)

    def _rounds(
        self,
        part: str,
        arena: Arena,
        contenders: Sequence[str],
        video: Path,
        fault: Mapping[str, object] | None = None,
        cut_after_seconds: float | None = None,
        rounds: int | None = None,
    ) -> dict[str, list[Outcome]]:
        """Begin each round with another contender, so that none always comes first."""
        runs: dict[str, list[Outcome]] = {name: [] for name in contenders}
        for number in range(rounds or self.scale.rounds):
            turn = number % len(contenders)
            for name in [*contenders[turn:], *contenders[:turn]]:
                runs[name].append(self._once(arena, part, name, video, fault, cut_after_seconds))
        return runs

    def _once(
        self,
        arena: Arena,
        part: str,
        name: str,
        video: Path,
        fault: Mapping[str, object] | None = None,
        cut_after_seconds: float | None = None,
    ) -> Outcome:
        outcome = arena.contend(
            name,
            video,
            limit_seconds=self.scale.limit_seconds,
            fault=fault,
            cut_after_seconds=cut_after_seconds,
        )
        self.report.outcomes.setdefault(part, []).append(outcome)
        said = outcome.error or f"{outcome.bytes_per_second / 1e6:.1f} MB/s"
        progress(f"  {LABELS[name]:28} {said}  (load {outcome.load:.1f})")
        return outcome

    def _tell_all(self, runs: Mapping[str, Sequence[Outcome]]) -> None:
        for name, outcomes in runs.items():
            rate, memory = speed(outcomes), growth(outcomes)
            value = "did not end well" if rate is None else f"{rate / 1e6:.1f} MB/s"
            if memory is not None:
                value += f", +{memory:.0f} MiB"
            if (first := first_byte(outcomes)) is not None:
                value += f", first byte {first:.0f} ms"
            if (last := to_done(outcomes)) is not None:
                value += f", done {last:.0f} ms after the last"
            self.report.tell(f"  {LABELS[name]}", value)


def median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known and len(known) == len(values) else None


def speed(outcomes: Sequence[Outcome]) -> float | None:
    """Return None if one run failed, because a contender is not fast by giving up."""
    return median([run.bytes_per_second if run.error is None else None for run in outcomes])


def growth(outcomes: Sequence[Outcome]) -> float | None:
    return median([run.growth_mib for run in outcomes])


def first_byte(outcomes: Sequence[Outcome]) -> float | None:
    return median([run.first_byte_ms for run in outcomes])


def to_done(outcomes: Sequence[Outcome]) -> float | None:
    return median([run.last_byte_to_done_ms for run in outcomes])


def ratio(ours: float | None, theirs: float | None) -> float | None:
    return None if ours is None or not theirs else ours / theirs


def progress(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def prepare() -> str | None:
    """Install the peers of this folder's lock file and bundle the pages. Say why if that fails."""
    installed = HERE / "node_modules/.package-lock.json"
    lock = HERE / "package-lock.json"
    commands = [["node", "build.mjs"]]
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        progress("Installing the peers ...")
        commands.insert(0, ["npm", "ci", "--silent", "--no-audit", "--no-fund"])
    for command in commands:
        try:
            subprocess.run(command, cwd=HERE, check=True, timeout=600)
        except (OSError, subprocess.SubprocessError) as error:
            return f"{' '.join(command[:2])} failed ({error})"
    return None


def why_not_part(part: str) -> str | None:
    if part in ("size", "eta"):
        return None
    if not Path(CHROMIUM).exists():
        return f"no {CHROMIUM} (make tools)"
    if part in ("loopback", "clean", "slow") and shutil.which("curl") is None:
        return "no curl"
    return why_not() if part in ("clean", "lossy", "slow") else None


def measure(parts: Sequence[str], scale: Scale, save: Callable[[Report], None]) -> Report:
    """Run all parts, and call `save` after each, so that a failure in the last minute loses nothing."""
    report = Report()
    # Not in /tmp, which may be small and in memory. The largest file is 2 GiB of holes.
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        measurement = Measurement(playwright, Path(folder), scale, report)
        for part in parts:
            reason = why_not_part(part)
            if reason is not None:
                report.not_measured(part, reason)
                continue
            progress(f"{part}:")
            try:
                getattr(measurement, part)()
            except LinkUnavailable as error:
                report.not_measured(part, str(error))
            save(report)
    return report


def show(report: Report, *, judge: bool) -> None:
    lines = ["The upload engine and its peers, side by side"]
    for row in report.rows:
        missed = "   MISSED" if judge and row.met is False else ""
        lines.append(f"  {row.what:66} {row.value}{f'   {row.target}' if row.target else ''}{missed}")
    if report.verdicts:
        lines.append(f"  What becomes of an upload (at most {HANGS_AFTER_SECONDS:.0f} s watched)")
        for fault in FAULTS:
            lines.append(f"    {fault.title}")
            lines += [
                f"      {LABELS[verdict.contender]:20} {verdict.said}"
                for verdict in report.verdicts
                if verdict.fault == fault.title
            ]
    print("\n".join(lines), flush=True)  # noqa: T201


def write(report: Report, parts: Sequence[str], load_before: float) -> None:
    RESULTS.mkdir(exist_ok=True)
    result = {
        "load_before": load_before,
        "load_after": load_average(),
        "parts": list(parts),
        "rows": [asdict(row) for row in report.rows],
        "faults": [asdict(verdict) for verdict in report.verdicts],
        "outcomes": {part: [run.as_json() for run in runs] for part, runs in report.outcomes.items()},
        **report.others,
    }
    # One part must not pass as the whole.
    name = "upload.json" if tuple(parts) == PARTS else "upload-part.json"
    (RESULTS / name).write_text(json.dumps(result, indent=2) + "\n")


def load_average() -> float:
    return float(Path("/proc/loadavg").read_text().split()[0])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="everything once and small: to try it, not to judge"
    )
    parser.add_argument("--only", choices=PARTS, action="append", help="this part alone; may be repeated")
    arguments = parser.parse_args()
    parts = arguments.only or PARTS
    # If the run is interrupted, servers, browser and namespaces are still removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began, load = time.monotonic(), load_average()
    reason = prepare()
    if reason is not None:
        progress(f"Not measured: {reason}")
        return 2

    def save(report: Report) -> None:
        if not arguments.quick:
            write(report, parts, load)

    report = measure(parts, QUICK if arguments.quick else FULL, save)
    show(report, judge=not arguments.quick)
    progress(f"  load {load} before, {load_average()} after; {time.monotonic() - began:.0f} s")
    if arguments.quick:
        return 0
    if any(row.met is False for row in report.rows):
        return 1
    return 2 if any(row.not_measured for row in report.rows) else 0


if __name__ == "__main__":
    sys.exit(main())
