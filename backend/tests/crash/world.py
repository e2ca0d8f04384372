"""Runs the real services in process over a real database and a fake store, and can kill them at any moment.

Database, store and clock outlive the process. `restart` drops the services with all their tasks and builds new ones.
tests/crash/test_equivalence.py shows that this equals a killed process.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy import delete
from sqlmodel import select

from app import bootstrap
from app.bootstrap import Application
from app.core.db import Database
from app.crud import installation
from app.domain.errors import SlipwayError
from app.domain.sweep_report import Category
from app.domain.video_status import VideoStatus
from app.models import Installation, User, Video
from app.ports import PresignedPart
from app.services.sweep.bucket import MARKER_KEY
from tests import factories
from tests.crash.invariants import History, violations
from tests.crash.process import (
    Fault,
    Killed,
    Process,
    WatchedDatabase,
    WatchedProbe,
    WatchedScanner,
    WatchedStorage,
)
from tests.factories import SMALL_VIDEO, make_settings
from tests.fakes import FakeClock, FakeProbe, FakeScanner, InMemoryStorage, content_md5, md5_hex
from tests.waiting import TIMEOUT_SECONDS

PAST_A_LEASE: Final = timedelta(seconds=61)
"""The lease of a completion lasts 30 s, that of a probe 60 s."""
QUICK: Final = timedelta(minutes=15)
"""I10. A video that does not wait for its user changes its state within 10 minutes, or 15 if it is being deleted."""
_MAX_ROUNDS = 200

Work = Callable[["World"], Awaitable[object]]


class World:
    def __init__(self, database: WatchedDatabase, folder: Path, **settings: Any) -> None:
        self._database = database
        url = database.url.render_as_string(hide_password=False)
        self.settings = make_settings(url, folder, **settings)
        self.clock = FakeClock()
        self.store = InMemoryStorage(self.clock, small_parts=True)
        self.probe = FakeProbe()
        self.scanner = FakeScanner()
        self.history = History()
        self.issued_urls: list[PresignedPart] = []
        self.found: list[str] = []
        """All violations so far."""
        self.swept_at = self.clock.now()
        self.lost_by_the_store = False
        """The store lost an object on purpose, so a row that waits for it is no violation."""
        self.process = Process()
        self.application = self._build()
        self.user: User
        self.video: Video

    def _build(self) -> Application:
        self._database.process = self.process
        with patch.object(bootstrap, "Database", lambda *_: self._database):
            return factories.make_application(
                self.settings,
                self.clock,
                WatchedStorage(self.store, self.process),
                WatchedProbe(self.probe, self.process),
                WatchedScanner(self.scanner, self.process),
            )

    # --- life and death -----------------------------------------------------------------------------------------

    async def restart(self, plan: Mapping[int, Fault] | None = None) -> None:
        """End the process and start a new one with this plan of faults."""
        await self._end()
        self.process = self._new_process(plan)
        self.application = self._build()

    def _new_process(self, plan: Mapping[int, Fault] | None) -> Process:
        return Process(plan)

    async def _end(self) -> None:
        self.process.kill()
        # The public `drain` waits for the tasks. A killed process ends them.
        left = list(self.application.tasks._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        await self.application.close()

    async def run(self, work: Work) -> object:
        """Return the caller's answer or error, or Killed if the process died."""
        answer: object
        try:
            answer = await work(self)
        except (Exception, Killed) as error:
            answer = error
        await self.application.tasks.drain(TIMEOUT_SECONDS)
        if self.process.dead:
            return Killed()
        if isinstance(answer, Exception) and not isinstance(answer, SlipwayError):
            self.found.append(f"I14: the caller meets {answer!r}")
        return answer

    # --- time passes --------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """Run the background tasks, without requests and faults, until all must have settled."""
        await self._let_pass(QUICK)
        await self.check(settled=True)
        grace, sweep = self.settings.upload_grace_seconds, self.settings.sweep_interval_seconds
        await self._let_pass(timedelta(seconds=grace + 2 * sweep))
        await self.check(settled=True)

    async def _let_pass(self, span: timedelta) -> None:
        end = self.clock.now() + span
        for _ in range(_MAX_ROUNDS):
            await self.run_background_tasks()
            following = [due for due in await self._due() if due <= end]
            if not following:
                await self._sweep_until(end)
                return
            self.clock.advance(max(min(following) - self.clock.now(), timedelta(seconds=1)))
        self.found.append(f"I10: background tasks still have work after {_MAX_ROUNDS} rounds")

    async def _sweep_until(self, end: datetime) -> None:
        interval = timedelta(seconds=self.settings.sweep_interval_seconds)
        self.clock.advance(max(end - self.clock.now() - interval, timedelta()))
        await self.run_background_tasks()
        self.clock.advance(end - self.clock.now())
        await self.run_background_tasks()

    async def run_background_tasks(self) -> None:
        """Run each background task once."""
        for effect in self.process.late_effects:
            try:
                await effect()
            except Exception:  # noqa: S112  # The store refuses it now, and nobody waits for this answer.
                continue
        self.process.late_effects.clear()
        await self.application.reconciler.reconcile_due()
        await self.application.deletion.finish_all()
        await self.application.sweep.run_when_due()
        await factories.run_due_probes(self.application)
        self.probe.answers.clear()
        self.scanner.answers.clear()

    async def _due(self) -> list[datetime]:
        rows = await self.rows()
        removals = [row.remove_at for row in rows if row.remove_at is not None]
        return removals + [
            max(row.due_at, row.lease_until or row.due_at)
            for row in rows
            if row.due_at is not None and row.status is not VideoStatus.READY
        ]

    # --- looking ------------------------------------------------------------------------------------------------

    async def check(self, *, settled: bool = False) -> None:
        """Add violations to `found`."""

        async def put(url: str, body: bytes) -> int:
            return self.store.put_part(url, body)

        found = await violations(
            # The check reads past the wrapper, because it is no call of the process.
            self.application.database,
            self.store,
            self.settings,
            self.clock.now(),
            history=self.history,
            settled=settled,
            # Only the rounds of a test sweep, however much time passes.
            swept_at=None if settled else await self._swept_at(),
            issued_urls=self.issued_urls,
            put=put,
        )
        self.found += [
            sentence
            for sentence in found
            if not (self.lost_by_the_store and sentence.endswith("(processing) has no object"))
        ]
        self.found += [
            f"I1: video {row.id} is ready without a scan"
            for row in await self.rows()
            if row.status is VideoStatus.READY and row.id not in self.scanner.cleared
        ]

    async def _swept_at(self) -> datetime:
        """Return when the last sweep ended whose calls the store answered. The next sweep repeats failed ones."""
        async with self.application.database.reading() as session:
            row = await installation.get(session)
        if row and row.sweep_done_at and row.sweep_report:
            unanswered = json.loads(row.sweep_report)["findings"][Category.UNANSWERED]["count"]
            self.swept_at = self.swept_at if unanswered else row.sweep_done_at
        return self.swept_at

    async def rows(self) -> list[Video]:
        async with self.application.database.reading() as session:
            return list(await session.scalars(select(Video)))

    async def contents(self) -> tuple[object, ...]:
        """Return all videos with their states, all objects except the marker, and all open uploads."""
        states = sorted((row.id.int, row.status, row.missing_since) for row in await self.rows())
        objects = sorted(key for key in self.store.objects if key != MARKER_KEY)
        return states, objects, self.store.open_uploads

    async def end(self) -> str:
        """Return the states of the user's videos, such as `ready+uploading`, or `gone`."""
        own = [row for row in await self.rows() if row.user_id == self.user.id]
        return "+".join(sorted(row.status.value for row in own)) or "gone"

    # --- a user's client ----------------------------------------------------------------------------------------

    async def new_user(self) -> User:
        """Create another user, who is the client from now on."""
        self.user = await factories.insert_user(self.application, "no password fits")
        return self.user

    async def insert(self, status: str, **values: Any) -> Video:
        """Insert a video in a state, with signed URLs, and make it `self.video`. See factories.insert_video."""
        self.video = await factories.insert_video(self.application, self.store, self.user, status, **values)
        if self.video.status is VideoStatus.READY:
            self.scanner.cleared.add(self.video.id)
        if self.video.upload_id is not None:
            plan = self.video.part_plan
            self.issued_urls += [
                self.store.presign_part(
                    self.video.object_key,
                    self.video.upload_id,
                    number,
                    plan.part_bytes(number),
                    self.clock.now(),
                    self.settings.presign_ttl_seconds,
                )
                for number in range(1, plan.part_count + 1)
            ]
        return self.video

    def send(self, parts: Sequence[PresignedPart], data: bytes = SMALL_VIDEO) -> None:
        """PUT the parts of the file, as far as the store accepts them."""
        self.issued_urls += parts
        start = 0
        for part in parts:
            piece = data[start : start + part.size_bytes]
            self.store.put_part(part.url, piece, {"Content-MD5": content_md5(piece)})
            start += part.size_bytes


@asynccontextmanager
async def a_world(database: WatchedDatabase, folder: Path, **settings: Any) -> AsyncIterator[World]:
    """Yield an installation with one user. Then close its services and delete its rows."""
    world = World(database, folder, **settings)
    try:
        await world.new_user()
        yield world
    finally:
        await world._end()
        async with Database.transaction(database) as session:
            await session.execute(delete(Video))
            await session.execute(delete(User))
            await session.execute(delete(Installation))
        await database.close()


def all_part_md5s(data: bytes = SMALL_VIDEO) -> dict[int, str]:
    return {1: md5_hex(data)}
