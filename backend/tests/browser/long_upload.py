"""The long run (`make long-upload`): one upload of 2 GiB survives an outage, a reset, expired URLs and a killed store.

Not part of the everyday suite: it takes some minutes and 5 GiB of disk. Ends with a table of what happened.
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

from tests.browser.faulty_world import World, near_store
from tests.browser.visits import MIB, Film, Story, Visit, make_film, run_side_by_side
from tests.engines.faults import Match, Reset, Throttle, part
from tests.waiting import TIMEOUT_SECONDS, until

FILM_BYTES = 2048 * MIB
FILM_PARTS = 128
LANE_BYTES_PER_SECOND = 4 * MIB
"""Of each of six: slow enough that every fault falls into the upload."""
URL_LIFE_SECONDS = 20
OUTAGE_SECONDS = 30
_MEMORY_EVERY_SECONDS = 0.5


@dataclass
class Diary:
    """What happened, for the table."""

    events: list[str] = field(default_factory=list)
    idle_memory: int = 0
    peak_memory: int = 0


def test_2_gib_survive_everything_in_one_upload() -> None:
    diary = Diary()

    async def everything_happens(visit: Visit) -> None:
        await _everything_happens(visit, diary)

    # Not pytest's own folder, which stays for three runs: 4 GiB each.
    with TemporaryDirectory() as name:
        film = make_film(Path(name) / "holiday.mp4", FILM_BYTES)
        assert film.size_bytes == FILM_BYTES
        with near_store(Path(name) / "data", {"PRESIGN_TTL_SECONDS": str(URL_LIFE_SECONDS)}) as world:
            with _watched_memory(diary):
                story = Story(everything_happens, "near", is_slow=True)
                outcome = run_side_by_side([story], {"near": world}, film)[story.name]
            print("\n" + _table(film, world, outcome.seconds, diary))  # noqa: T201  # what the run is for
            outcome.check()


async def _everything_happens(visit: Visit, diary: Diary) -> None:
    store, api = visit.world.page_to_store, visit.world.page_to_api
    began = time.monotonic()

    async def at(percent: int, event: str) -> None:
        await _percent_reaches(visit, percent)
        diary.events.append(f"{time.monotonic() - began:6.1f} s, {percent:2} %: {event}")

    throttle = store.fault(part(), Throttle(LANE_BYTES_PER_SECOND), None)
    await visit.page.get_by_role("button", name="Choose a video").wait_for()
    diary.idle_memory = _pss_of_chromium()
    await visit.choose()

    await at(10, f"nothing flows for {OUTAGE_SECONDS} s, and the browser says offline")
    with store.black_hole(Match()), api.black_hole(Match()):
        await visit.context.set_offline(True)
        await visit.reads("You're offline")
        await asyncio.sleep(OUTAGE_SECONDS)
        await visit.context.set_offline(False)

    await at(25, "one connection is reset half way through a part")
    store.withdraw(throttle)
    reset = store.fault(part(), Reset(0.5))
    throttle = store.fault(part(), Throttle(LANE_BYTES_PER_SECOND), None)
    await until(lambda: reset.hits == 1, "the reset")

    await at(45, "the store is killed with -9; the app starts it again")
    (pid,) = visit.world.slipway.store_pids()
    os.kill(pid, signal.SIGKILL)

    await at(65, f"parts are held until their URLs, of {URL_LIFE_SECONDS} s, have expired")
    asked = len(store.requests(Match("OPTIONS")))
    with store.black_hole(Match("OPTIONS")):
        await until(lambda: len(store.requests(Match("OPTIONS"))) >= asked + 3, "held parts")
        await asyncio.sleep(URL_LIFE_SECONDS + 1)
    await until(lambda: 403 in {one.status for one in visit.sent_parts()}, "the store's refusal")

    await at(90, "nothing more is broken")
    store.withdraw(throttle)
    await visit.arrives()


async def _percent_reaches(visit: Visit, percent: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while max(moment.percent or 0 for moment in await visit.shown()) < percent:
        assert time.monotonic() < deadline, (
            f"never came: {percent} %; the card says {await visit.card.inner_text()}"
        )
        await asyncio.sleep(0.1)


def _table(film: Film, world: World, seconds: float, diary: Diary) -> str:
    parts = world.page_to_store.requests(part())
    received = sum(one.received_bytes for one in parts)
    statuses = [one.status for one in parts]
    calls = [one for one in world.page_to_api.seen if one.path.startswith("/api/")]
    signed = [one for one in calls if one.path.endswith("/parts")]
    rows = {
        "time, from the first request to the last check": f"{seconds:.0f} s",
        "sent again": f"{(received - film.size_bytes) / MIB:.0f} MiB of {film.size_bytes / MIB:.0f}",
        "part requests": f"{len(parts)} for {FILM_PARTS} parts: {statuses.count(200)} stored, "
        f"{statuses.count(403)} refused as expired, {statuses.count(None)} without an answer",
        "API requests": f"{len(calls)}, of them {len(signed)} for URLs",
        "as the page reports": _trouble(world),
        "browser memory": f"{diary.idle_memory / MIB:.0f} MiB idle, {diary.peak_memory / MIB:.0f} MiB at most",
    }
    width = max(len(name) for name in rows)
    return "\n".join([*diary.events, *(f"{name:{width}}  {value}" for name, value in rows.items())])


def _trouble(world: World) -> str:
    metrics = httpx.get(f"{world.slipway.origin}/metrics", timeout=TIMEOUT_SECONDS).text
    prefix = "slipway_upload_trouble_total"
    return ", ".join(line.removeprefix(prefix) for line in metrics.splitlines() if line.startswith(prefix))


@contextmanager
def _watched_memory(diary: Diary) -> Iterator[None]:
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_MEMORY_EVERY_SECONDS):
            diary.peak_memory = max(diary.peak_memory, _pss_of_chromium())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _pss_of_chromium() -> int:
    """Bytes of this run's Chromium, shared pages counted by their share."""
    parents: dict[int, int] = {}
    sizes: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if b"chromium" in (entry / "cmdline").read_bytes().partition(b"\0")[0]:
                rollup = (entry / "smaps_rollup").read_text()
                sizes[int(entry.name)] = next(
                    (int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:")),
                    0,
                )
        except OSError:
            continue  # it ended while we looked

    def is_ours(pid: int) -> bool:
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return pid == os.getpid()

    return sum(size for pid, size in sizes.items() if is_ours(pid))
