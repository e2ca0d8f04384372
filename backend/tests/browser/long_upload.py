"""Uploads 2 GiB in each browser through an outage, a reset, expired URLs and a killed store (`make long-upload`).

It takes some minutes and 5 GiB of disk, so `make test` leaves it out. It prints a table of events.
"""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.browser.browser_page import BrowserName
from tests.browser.browsers_page import write_long_upload
from tests.browser.page_user import CARD, MIB, PageUser, VideoFile, make_file
from tests.browser.proxied_slipway import ProxiedSlipway, embedded_store
from tests.browser.story import BROWSERS, Story, run_side_by_side
from tests.engines.faults import Match, Reset, Throttle, part
from tests.waiting import TIMEOUT_SECONDS, until

FILE_BYTES = 2048 * MIB
FILE_PARTS = 128
CONNECTION_BYTES_PER_SECOND = 4 * MIB
"""The speed of each of six connections, so slow that every fault happens during the upload."""
URL_LIFE_SECONDS = 20
OUTAGE_SECONDS = 30
_MEMORY_EVERY_SECONDS = 0.5


@dataclass
class Log:
    """Events for the table."""

    lines: list[str] = field(default_factory=list)
    idle_memory: int = 0
    peak_memory: int = 0


@pytest.mark.parametrize("browser", BROWSERS)
def test_uploads_2_gib_through_all_faults(browser: BrowserName) -> None:
    log = Log()

    async def everything_happens(user: PageUser) -> None:
        await _everything_happens(user, log)

    # Not pytest's folder, which keeps the 4 GiB of each of three runs.
    with TemporaryDirectory() as name:
        file = make_file(Path(name) / "holiday.mp4", FILE_BYTES)
        assert file.size_bytes == FILE_BYTES
        with embedded_store(Path(name) / "data", {"PRESIGN_TTL_SECONDS": str(URL_LIFE_SECONDS)}) as world:
            with _watched_memory(log, browser):
                story = Story("everything_happens", everything_happens, "embedded")
                # Its faults are for any user, and its table is of one run.
                outcomes = run_side_by_side(browser, [story], {"embedded": world}, file, may_run_again=False)
                outcome = outcomes.by_story[story.name]
            # What the run is for.
            print(f"\n{outcomes.browser_title}\n{_table(file, world, outcome.seconds, log)}")  # noqa: T201
            write_long_upload(browser, passed=outcome.error is None)
            outcome.check()


async def _everything_happens(user: PageUser, log: Log) -> None:
    store, api = user.world.page_to_store, user.world.page_to_api
    began = time.monotonic()

    async def at(percent: int, event: str) -> None:
        await _percent_reaches(user, percent)
        log.lines.append(f"{time.monotonic() - began:6.1f} s, {percent:2} %: {event}")

    throttle = store.fault(part(), Throttle(CONNECTION_BYTES_PER_SECOND), None)
    await user.expect_text("Choose a video")
    log.idle_memory = _pss(user.browser.name)
    await user.choose()

    await at(10, f"nothing flows for {OUTAGE_SECONDS} s, and the browser says offline")
    with store.black_hole(Match()), api.black_hole(Match()):
        await user.page.set_online(False)
        await user.expect_text("You're offline", CARD)
        await asyncio.sleep(OUTAGE_SECONDS)
        await user.page.set_online(True)

    await at(25, "one connection is reset half way through a part")
    store.withdraw(throttle)
    reset = store.fault(part(), Reset(0.5))
    throttle = store.fault(part(), Throttle(CONNECTION_BYTES_PER_SECOND), None)
    await until(lambda: reset.hits == 1, "the reset")

    await at(45, "the store is killed with -9; the app starts it again")
    (pid,) = user.world.slipway.store_pids()
    os.kill(pid, signal.SIGKILL)

    await at(65, f"parts are held until their URLs, of {URL_LIFE_SECONDS} s, have expired")
    asked = len(store.requests(Match("OPTIONS")))
    with store.black_hole(Match("OPTIONS")):
        await until(lambda: len(store.requests(Match("OPTIONS"))) >= asked + 3, "held parts")
        await asyncio.sleep(URL_LIFE_SECONDS + 1)
    await until(lambda: 403 in {one.status for one in user.sent_parts()}, "the store's refusal")

    await at(90, "nothing more is broken")
    store.withdraw(throttle)
    await user.expect_uploaded()


async def _percent_reaches(user: PageUser, percent: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while max(moment.percent or 0 for moment in await user.shown()) < percent:
        assert time.monotonic() < deadline, f"never came: {percent} %; the page says {await user.text()}"
        await asyncio.sleep(0.1)


def _table(file: VideoFile, world: ProxiedSlipway, seconds: float, log: Log) -> str:
    parts = world.page_to_store.requests(part())
    received = sum(one.received_bytes for one in parts)
    statuses = [one.status for one in parts]
    calls = [one for one in world.page_to_api.seen if one.path.startswith("/api/")]
    signed = [one for one in calls if one.path.endswith("/parts")]
    rows = {
        "time, from the first request to the last check": f"{seconds:.0f} s",
        "sent again": f"{(received - file.size_bytes) / MIB:.0f} MiB of {file.size_bytes / MIB:.0f}",
        "part requests": f"{len(parts)} for {FILE_PARTS} parts: {statuses.count(200)} stored, "
        f"{statuses.count(403)} refused as expired, {statuses.count(None)} without an answer",
        "API requests": f"{len(calls)}, of them {len(signed)} for URLs",
        "as the page reports": _trouble(world),
        "browser memory": f"{log.idle_memory / MIB:.0f} MiB idle, {log.peak_memory / MIB:.0f} MiB at most",
    }
    width = max(len(name) for name in rows)
    return "\n".join([*log.lines, *(f"{name:{width}}  {value}" for name, value in rows.items())])


def _trouble(world: ProxiedSlipway) -> str:
    metrics = httpx.get(f"{world.slipway.origin}/metrics", timeout=TIMEOUT_SECONDS).text
    prefix = "slipway_upload_trouble_total"
    return ", ".join(line.removeprefix(prefix) for line in metrics.splitlines() if line.startswith(prefix))


@contextmanager
def _watched_memory(log: Log, browser: BrowserName) -> Iterator[None]:
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_MEMORY_EVERY_SECONDS):
            log.peak_memory = max(log.peak_memory, _pss(browser))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _pss(browser: BrowserName) -> int:
    """Return the bytes of this run's browser. A shared page counts by its share.

    The figure of Firefox says nothing about the page, because WebDriver BiDi makes it keep each request's body.
    """
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if browser.encode() in (entry / "cmdline").read_bytes().partition(b"\0")[0].lower():
                rollup = (entry / "smaps_rollup").read_text()
                sizes[int(entry.name)] = next(
                    (int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")),
                    0,
                )
        except OSError:
            continue  # It ended meanwhile.

    def is_ours(pid: int) -> bool:
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return pid == os.getpid()

    return sum(size for pid, size in sizes.items() if is_ours(pid))
