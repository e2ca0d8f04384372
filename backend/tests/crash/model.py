"""Compares the services with a simple model of what two users may expect, at random steps and faults.

The model contains only acknowledged requests. A request without an answer promises nothing.
"""

import asyncio
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.domain.errors import SlipwayError, VideoNotFound
from app.domain.video_list import VideoQuery
from app.models import User, Video
from app.ports import NoSuchObject, PresignedPart
from app.services.uploads import StartedUpload
from mediaprobe import NoVideoTrack
from tests import factories
from tests.crash.crash_points import NewWorld
from tests.crash.process import Fault, Killed
from tests.crash.use_cases import GRACE
from tests.crash.world import World, all_part_md5s
from tests.fakes import some_metadata

KEYS = [uuid.UUID(int=number) for number in range(1, 4)]
STEPS_OF_TIME = [1, 31, 61, 300, 1200, 3700]
FAULTS = [
    Fault("before"),
    Fault("after"),
    Fault("after", takes_effect_late=True),
    Fault("before", Killed()),
    Fault("after", Killed()),
]

users = st.integers(0, 1)
picks = st.integers(0, 30)
troubles = st.none() | st.tuples(st.integers(0, 7), st.sampled_from(FAULTS))
"""The index of a request's call and the fault it meets.

None, or an index that the request does not reach, means no fault.
"""
Trouble = tuple[int, Fault] | None


@dataclass
class Known:
    """What the model knows of a created video."""

    id: uuid.UUID
    owner: User
    data: bytes
    parts: list[PresignedPart]
    touched_at: datetime
    """When the upload began, or when its last part was stored."""
    was_overdue: bool = False
    """The last part came after the grace, so the upload may have expired just before."""
    completed: bool = False
    """A complete returned the video as verified."""
    deleted: bool = False
    may_be_gone: bool = False
    """A delete was requested, and its answer may be lost."""


class Installation(RuleBasedStateMachine):
    """Steps of two users, the reconciler, the workers and the clock, with faults."""

    def __init__(self, new_world: NewWorld, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = loop
        self.stack = AsyncExitStack()
        self.world: World = self.run(self.stack.enter_async_context(new_world()))
        self.users = [self.world.user, self.run(self.world.new_user())]
        self.known: list[Known] = []
        self.rejections = False
        self.made = 0
        self.changed = True
        """Whether anything ran since the last check."""

    def run(self, work: Any) -> Any:
        return self.loop.run_until_complete(work)

    @initialize(lingers=st.booleans())
    def meets_a_store(self, lingers: bool) -> None:
        self.world.store.lingers = lingers

    # --- users --------------------------------------------------------------------------------------------------

    @rule(user=users, key=st.sampled_from([None, *KEYS]), trouble=troubles)
    def create(self, user: int, key: uuid.UUID | None, trouble: Trouble) -> None:
        owner = self.users[user]
        size = 512 + KEYS.index(key) if key else 600 + self.made % 7
        answer = self.ask(
            lambda world: world.application.uploads.create(owner.id, "a.mp4", size, "video/mp4", key), trouble
        )
        if not isinstance(answer, StartedUpload):
            return
        self.world.issued_urls += answer.parts or []
        found = next((known for known in self.known if known.id == answer.video.id), None)
        if found is None:
            self.made += 1
            data = self.made.to_bytes(2, "big") * size
            found = Known(answer.video.id, owner, data[:size], [], answer.video.created_at)
            self.known.append(found)
        assert not found.deleted, "a deleted video came back"
        assert found.owner is owner, "another user's video was returned"
        found.parts = list(answer.parts or found.parts)

    @precondition(lambda self: self.known)
    @rule(pick=picks)
    def send(self, pick: int) -> None:
        known = self.pick(pick)
        now = self.world.clock.now()
        for part in known.parts:
            if self.world.store.put_part(part.url, known.data) == 200:
                known.was_overdue |= now >= known.touched_at + GRACE
                known.touched_at = now

    @precondition(lambda self: self.known)
    @rule(pick=picks)
    def sign(self, pick: int) -> None:
        known = self.pick(pick)
        answer = self.ask(lambda world: world.application.uploads.sign_parts(known.owner.id, known.id, [1]))
        if isinstance(answer, list):
            assert not known.deleted, "a deleted video was signed for"
            assert not known.completed, "a completed video was signed for"
            known.parts = answer
            self.world.issued_urls += answer

    @precondition(lambda self: self.known)
    @rule(pick=picks, trouble=troubles)
    def complete(self, pick: int, trouble: Trouble) -> None:
        known = self.pick(pick)
        answer = self.ask(
            lambda world: world.application.completion.complete(
                known.owner.id, known.id, all_part_md5s(known.data)
            ),
            trouble,
        )
        if isinstance(answer, Video):
            assert not known.deleted, "a deleted video was completed"
            known.completed = known.completed or answer.status in ("processing", "ready")

    @precondition(lambda self: self.known)
    @rule(pick=picks, trouble=troubles)
    def send_and_complete(self, pick: int, trouble: Trouble) -> None:
        self.sign(pick)
        self.send(pick)
        self.complete(pick, trouble)

    @precondition(lambda self: self.known)
    @rule(pick=picks, trouble=troubles)
    def delete(self, pick: int, trouble: Trouble) -> None:
        known = self.pick(pick)
        known.may_be_gone = True
        answer = self.ask(lambda world: world.application.videos.delete(known.owner.id, known.id), trouble)
        if answer is None:
            assert not known.deleted, "a delete succeeded twice"
            known.deleted = True

    @precondition(lambda self: self.known)
    @rule(pick=picks, verb=st.integers(0, 3))
    def another_tries(self, pick: int, verb: int) -> None:
        """I3. Another user's video answers 404."""
        known = self.pick(pick)
        other = self.users[1] if known.owner is self.users[0] else self.users[0]
        before = self.run(factories.find_video(self.world.application, known.id))

        attempts: list[Callable[[World], Any]] = [
            lambda world: world.application.videos.get(other.id, known.id),
            lambda world: world.application.uploads.sign_parts(other.id, known.id, [1]),
            lambda world: world.application.completion.complete(other.id, known.id, {}),
            lambda world: world.application.videos.delete(other.id, known.id),
        ]
        answer = self.ask(attempts[verb])
        assert isinstance(answer, VideoNotFound | Killed), f"another user was answered {answer!r}"
        assert self.run(factories.find_video(self.world.application, known.id)) == before

    # --- what runs beside, and what befalls ---------------------------------------------------------------------

    @rule(trouble=troubles)
    def run_background_tasks(self, trouble: Trouble) -> None:
        self.ask(lambda world: world.run_background_tasks(), trouble)

    @rule(seconds=st.sampled_from(STEPS_OF_TIME))
    def time_passes(self, seconds: int) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))

    @rule()
    def crash(self) -> None:
        self.changed = True
        self.run(self.world.restart())

    @rule(outcome=st.sampled_from([some_metadata(), some_metadata(), NoVideoTrack("No."), NoSuchObject()]))
    def probe_will_say(self, outcome: Any) -> None:
        self.rejections = self.rejections or isinstance(outcome, Exception)
        self.world.probe.usual = outcome

    # --- what must be so ----------------------------------------------------------------------------------------

    @invariant()
    def nothing_is_broken(self) -> None:
        if self.changed:
            self.run(self._check())
        self.changed = False

    async def _check(self) -> None:
        await self.world.check()
        assert not self.world.found, self.world.found
        await self._each_sees_what_was_acknowledged()

    async def _each_sees_what_was_acknowledged(self) -> None:
        """Check one user at a time. A violation lasts until the next check."""
        self.users.reverse()
        owner = self.users[0]
        now = self.world.clock.now()
        page = await self.world.application.videos.list_page(owner.id, VideoQuery(), 100)
        seen = {video.id: video for video in page.items}
        assert {video.user_id for video in page.items} <= {owner.id}, "another user's video is listed"
        for known in (known for known in self.known if known.owner is owner):
            video = seen.get(known.id)
            if known.deleted:
                assert video is None, "a deleted video is listed"
            elif known.completed and not known.may_be_gone:
                assert video is not None, "a completed video is gone"
                self._holds_its_bytes(known, video)
            elif not (known.may_be_gone or known.was_overdue) and now < known.touched_at + GRACE:
                assert video is not None, "an upload is gone within its grace"

    def _holds_its_bytes(self, known: Known, video: Video) -> None:
        if video.status == "failed":
            assert self.rejections, "a video failed without a rejection"
        else:
            assert video.status in ("processing", "ready"), f"completed, and now {video.status}"
            assert self.world.store.objects[video.object_key].data == known.data, "other bytes than were sent"

    def teardown(self) -> None:
        try:
            self.run(self._settle())
        finally:
            self.run(self.stack.aclose())

    async def _settle(self) -> None:
        await self.world.restart()
        self.world.probe.usual = some_metadata()
        await self.world.settle()
        assert not self.world.found, self.world.found

    # --- inside -------------------------------------------------------------------------------------------------

    def pick(self, pick: int) -> Known:
        return self.known[pick % len(self.known)]

    def ask(self, work: Callable[[World], Any], trouble: Trouble = None) -> object:
        """Return what the caller gets. If the process died, start the next one."""
        self.changed = True
        if trouble is not None:
            self.world.process.expect(*trouble)
        answer = self.run(self.world.run(work))
        self.world.process.expect_no_more()
        if self.world.process.dead:
            self.run(self.world.restart())
        assert not isinstance(answer, Exception) or isinstance(answer, SlipwayError), repr(answer)
        return answer
