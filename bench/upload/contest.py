"""Run one upload by one contender, in a new Chromium or with curl, while both servers count."""

# ruff: noqa: S603  # starts programs of this folder and of the system, by name as `make` does

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

from measuring import MIB, MemoryWatch, browser_pid  # noqa: E402  # after the path
from playwright.sync_api import BrowserContext, Page, Playwright  # noqa: E402
from playwright.sync_api import TimeoutError as PlaywrightTimeout  # noqa: E402
from servers import Servers  # noqa: E402

CHROMIUM = "/usr/bin/chromium"
# Without these Chromium asks Google's hosts for updates at every start.
CHROMIUM_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

LABELS = {
    "slipway": "Slipway",
    "slipway-bare": "Slipway, integrity off",
    "uppy6": "Uppy 6.3",
    "uppy5": "Uppy 5",
    "upchunk": "UpChunk 3.5",
    "tus": "tus-js-client 4.3",
    "better": "better-upload 3.0",
    "xhr": "Chromium's XHR, whole file",
    "curl": "curl, one PUT",
}


@dataclass
class Outcome:
    contender: str
    size_bytes: int
    # None if it did not succeed within the time limit.
    seconds: float | None
    error: str | None
    store_bytes: int
    bytes_per_second: float
    first_byte_ms: float | None = None
    last_byte_to_done_ms: float | None = None
    growth_mib: float | None = None
    api_requests: int = 0
    store_requests: int = 0
    preflights: int = 0
    load: float = 0

    def as_json(self) -> dict[str, object]:
        return {
            name: round(value, 3) if isinstance(value, float) else value
            for name, value in asdict(self).items()
        }


class Arena:
    """The servers, and the side of the link on which the browser runs."""

    def __init__(self, playwright: Playwright, servers: Servers, near: Sequence[str] = ()) -> None:
        self.servers = servers
        self._playwright = playwright
        self._near = list(near)

    def contend(
        self,
        contender: str,
        video: Path,
        *,
        limit_seconds: float,
        fault: Mapping[str, object] | None = None,
        cut_after_seconds: float | None = None,
    ) -> Outcome:
        """Run one upload. `cut_after_seconds` ends it that long after its first byte and keeps the speed until then."""
        run = self.servers.new_run(fault)
        try:
            if contender == "curl":
                return self._curl(run, video, cut_after_seconds or limit_seconds)
            return self._browse(contender, run, video, limit_seconds, cut_after_seconds)
        finally:
            self.servers.forget(run)

    def _curl(self, run: str, video: Path, limit_seconds: float) -> Outcome:
        command = [
            *self._near,
            "curl",
            "--silent",
            "--show-error",
            "--output",
            "/dev/null",
            "--header",
            "Expect:",
        ]
        command += ["--max-time", f"{limit_seconds}", "--upload-file", str(video)]
        began = time.time()
        done = subprocess.run(
            [*command, f"{self.servers.store.origin}/r/{run}/file"],
            capture_output=True,
            text=True,
            check=False,
        )
        ended = time.time()
        error = None if done.returncode == 0 else done.stderr.strip()
        return self._outcome("curl", run, video, began * 1000, ended * 1000, error)

    @contextmanager
    def browser(self) -> Iterator[tuple[BrowserContext, Path]]:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            chromium = CHROMIUM
            if self._near:
                wrapper = Path(folder) / "chromium"
                wrapper.write_text(f'#!/bin/sh\nexec {" ".join(self._near)} {CHROMIUM} "$@"\n')
                wrapper.chmod(0o700)
                chromium = str(wrapper)
            # Off loopback, plain http has no crypto.randomUUID, without which Uppy sends nothing.
            origins = f"--unsafely-treat-insecure-origin-as-secure={self.servers.app.origin}"
            context = self._playwright.chromium.launch_persistent_context(
                Path(folder) / "profile", executable_path=chromium, args=[*CHROMIUM_ARGUMENTS, origins]
            )
            try:
                yield context, Path(folder) / "profile"
            finally:
                context.close()

    def open(self, context: BrowserContext, contender: str, run: str) -> Page:
        name, _, variant = contender.partition("-")
        page = context.new_page()
        page.goto(self.servers.page(name, run, integrity=variant != "bare"))
        page.wait_for_function("window.bench?.ready")
        return page

    def _browse(
        self, contender: str, run: str, video: Path, limit_seconds: float, cut_after_seconds: float | None
    ) -> Outcome:
        with self.browser() as (context, profile):
            page = self.open(context, contender, run)
            page.wait_for_timeout(1500)
            watch = MemoryWatch(browser_pid(profile))
            page.set_input_files("input", video)
            timeout = limit_seconds if cut_after_seconds is None else cut_after_seconds + 2
            ended_at, error = None, None
            try:
                page.wait_for_function("window.bench.endedAt", polling=200, timeout=timeout * 1000)
                ended_at, error = page.evaluate("[bench.endedAt, bench.error]")
            except PlaywrightTimeout:
                error = None if cut_after_seconds is not None else f"not done after {limit_seconds:.0f} s"
            chosen_at = page.evaluate("bench.chosenAt")
            outcome = self._outcome(contender, run, video, chosen_at, ended_at, error)
            outcome.growth_mib = watch.growth_mib()
            return outcome

    def _outcome(
        self,
        contender: str,
        run: str,
        video: Path,
        chosen_at: float,
        ended_at: float | None,
        error: str | None,
    ) -> Outcome:
        counts = self.servers.counts(run)
        size, took = video.stat().st_size, counts["bytes"]
        if contender == "slipway" and ended_at is not None and error is None:
            error = wrong_md5s(video, counts["md5s"])
        is_done = ended_at is not None and error is None and counts["stored"] >= size
        first, last = counts["firstByteAt"], counts["lastByteAt"]
        if ended_at is not None and is_done:
            seconds = (ended_at - chosen_at) / 1000
            speed = size / seconds
        else:
            seconds = None
            speed = took / max(0.001, (last - first) / 1000) if first is not None else 0
        return Outcome(
            contender=contender,
            size_bytes=size,
            seconds=seconds,
            error=error
            or (
                None if is_done or ended_at is None else f"said done with {counts['stored']} of {size} bytes"
            ),
            store_bytes=took,
            bytes_per_second=speed,
            first_byte_ms=None if first is None else first - chosen_at,
            last_byte_to_done_ms=ended_at - last if ended_at is not None and is_done else None,
            api_requests=counts["api_requests"],
            store_requests=counts["requests"],
            preflights=counts["preflights"],
            load=float(Path("/proc/loadavg").read_text().split()[0]),
        )


def wrong_md5s(video: Path, told: Mapping[str, Any]) -> str | None:
    """Return what is wrong with the MD5s of a complete call. A worker that fails sends none, which looks fast."""
    wanted = part_md5s(video, told["partSize"])
    found = {part["part_number"]: part["md5"] for part in told["parts"]}
    wrong = [number for number, md5 in wanted.items() if found.get(number) != md5]
    return f"MD5 missing or wrong for {len(wrong)} of {len(wanted)} parts" if wrong else None


@cache
def part_md5s(video: Path, part_size: int) -> dict[int, str]:
    with video.open("rb") as file:
        parts = iter(lambda: file.read(part_size), b"")
        return {
            number: hashlib.md5(part, usedforsecurity=False).hexdigest()
            for number, part in enumerate(parts, 1)
        }


def make_file(folder: Path, size_mib: int) -> Path:
    """Make a file that begins like an MP4 and has a number and holes in each MiB, so that no two parts are alike.

    Read it once so that no contender pays for the first read.
    """
    path = folder / f"video-{size_mib}.mp4"
    if not path.exists():
        with path.open("wb") as file:
            file.write(b"\0\0\0\x14ftypisom\0\0\x02\0isom\0\0\0\x08free")
            for number in range(1, size_mib):
                file.seek(number * MIB)
                file.write(number.to_bytes(8, "big"))
            file.truncate(size_mib * MIB)
        with path.open("rb") as file:
            while file.read(8 * MIB):
                pass
    return path
