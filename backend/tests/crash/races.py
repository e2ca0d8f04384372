"""Pairs of requests and background tasks that may run at once on one video or for one user."""

import asyncio
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.crud import leases
from app.domain.errors import (
    IdempotencyConflict,
    QuotaExceeded,
    SlipwayError,
    TooManyUploads,
    TooManyVideos,
    VideoNotFound,
)
from app.services.processing import PROBE_LEASE
from app.services.uploads import StartedUpload
from tests import factories
from tests.crash import use_cases as case
from tests.crash.world import World
from tests.factories import SMALL_VIDEO

Answers = Sequence[object]


@dataclass(frozen=True)
class Race:
    name: str
    arrange: case.Step
    runners: Sequence[case.Step]
    ends: frozenset[str]
    fits: Callable[[Answers], bool]
    """Return whether these answers, in the order of the runners, may be given together."""
    settings: tuple[tuple[str, int], ...] = ()


def statuses(answers: Answers) -> list[str]:
    return [getattr(answer, "status", type(answer).__name__) for answer in answers]


def all_say(*allowed: str) -> Callable[[Answers], bool]:
    return lambda answers: set(statuses(answers)) <= set(allowed)


def one_and_the_others(winner: type, *losers: type) -> Callable[[Answers], bool]:
    def fits(answers: Answers) -> bool:
        won = sum(isinstance(answer, winner) for answer in answers)
        lost = sum(isinstance(answer, losers) for answer in answers)
        return won == 1 and won + lost == len(answers)

    return fits


def anything(_answers: Answers) -> bool:
    return True


# --- what runs --------------------------------------------------------------------------------------------------


async def removal_step(world: World) -> object:
    await world.application.removal.step(world.video.id)
    return None


async def finish_deletions(world: World) -> object:
    """Do what an app's loop does for deleted accounts, while it also removes their videos."""
    for _ in range(3):
        await world.application.deletion.finish_all()
        await case.reconcile(world)
    return None


async def complete_within_a_sweep(world: World) -> object:
    """Complete after the sweep has counted orphans and before it removes them."""
    counted = world.store.count("list_objects")
    while True:
        if world.store.count("list_objects") > counted:
            return await case.complete(world)
        await asyncio.sleep(0)


async def probe_a_job(world: World) -> object:
    """Claim and run a due job, as a worker does."""
    return await factories.run_due_probes(world.application)


async def doubled_job(world: World) -> object:
    """Run a job that was delivered twice, with the same lease owner."""
    row = await factories.find_video(world.application, world.video.id)
    if row is None or row.lease_owner is None:
        return None
    await world.application.processing.probe_video(row.id, row.lease_owner)
    return None


async def same_key(world: World) -> StartedUpload:
    started = await world.application.uploads.create(
        world.user.id, "harbour.mp4", len(SMALL_VIDEO), "video/mp4", case.IDEMPOTENCY_KEY
    )
    world.issued_urls += started.parts or []
    return started


async def repeat_and_finish(world: World) -> object:
    """Repeat a create, send the file and complete. An answered create must allow that."""
    started = await same_key(world)
    world.send(started.parts or [])
    return await case.complete(world)


async def another_file(world: World) -> object:
    return await world.application.uploads.create(
        world.user.id, "river.mp4", len(SMALL_VIDEO) + 1, "video/mp4", case.IDEMPOTENCY_KEY
    )


async def claimed(world: World) -> None:
    await world.insert("processing")
    now = world.clock.now()
    async with world.application.database.transaction() as session:
        await leases.claim_probe(session, uuid.uuid4(), now, now + PROBE_LEASE)


async def stalled_but_sent(world: World) -> None:
    """All parts were sent long ago, and the complete comes only now."""
    await case.all_sent(world)
    world.clock.advance(case.GRACE)


async def long_since_sent(world: World) -> None:
    """Two uploads as old as the grace. One belongs to a row, and one to none."""
    await stalled_but_sent(world)
    world.store.open_upload(world.video.object_key)
    world.clock.advance(seconds=1)


async def past_its_grace_unstarted(world: World) -> None:
    """A create died before it opened an upload."""
    await world.insert(
        "uploading",
        upload_id=None,
        in_store=False,
        idempotency_key=case.IDEMPOTENCY_KEY,
        original_filename="harbour.mp4",
    )
    world.clock.advance(case.GRACE)


async def checked_once(world: World) -> None:
    """The next check removes it."""
    await past_its_grace_unstarted(world)
    await case.reconcile(world)
    world.clock.advance(minutes=5)


async def leaving(world: World) -> None:
    await world.insert("deleting")


# --- what the answers must be -----------------------------------------------------------------------------------


def one_upload(answers: Answers) -> bool:
    """All creates with one key return one video."""
    started = [answer for answer in answers if isinstance(answer, StartedUpload)]
    return len(started) == len(answers) and len({answer.video.id for answer in started}) == 1


def one_file(answers: Answers) -> bool:
    """Of two files under one key, one is accepted."""
    return one_and_the_others(StartedUpload, IdempotencyConflict)(answers)


def taken(count: int, *refused: type[SlipwayError]) -> Callable[[Answers], bool]:
    def fits(answers: Answers) -> bool:
        started = [answer for answer in answers if isinstance(answer, StartedUpload)]
        rest = [answer for answer in answers if not isinstance(answer, StartedUpload)]
        return len(started) == count and all(isinstance(answer, refused) for answer in rest)

    return fits


def one_job(answers: Answers) -> bool:
    """I7. One of the workers did the only job."""
    return sum(answer for answer in answers if isinstance(answer, int)) == 1


def _race(
    name: str,
    arrange: case.Step,
    runners: Sequence[case.Step],
    ends: set[str],
    fits: Callable[[Answers], bool] = anything,
    **settings: int,
) -> Race:
    return Race(name, arrange, runners, frozenset(ends), fits, tuple(settings.items()))


READY, GONE, FAILED = "ready", "gone", "failed"

RACES = [
    _race("complete x complete", case.all_sent, [case.complete] * 3, {READY}, all_say("processing")),
    _race("complete x delete", case.all_sent, [case.complete, case.delete], {GONE}),
    _race("complete x expiry", stalled_but_sent, [case.complete, case.reconcile], {READY, GONE}),
    _race("complete x sweep", long_since_sent, [complete_within_a_sweep, case.sweep], {READY}),
    _race(
        "complete x reconciler that resumes it",
        case.lost_its_process,
        [case.complete, case.reconcile, case.complete],
        {READY},
    ),
    _race("sign x delete", case.video("uploading"), [case.sign, case.delete], {GONE}),
    _race("probe x delete", case.probed(), [probe_a_job, case.delete], {GONE}),
    _race("probe x probe", case.probed(), [probe_a_job] * 4, {READY}, one_job),
    _race("probe x the same job again", claimed, [doubled_job] * 3, {READY}),
    _race("create x create with one key", case.nothing, [same_key] * 3, {GONE}, one_upload),
    _race(
        "create x another file with the same key", case.nothing, [same_key, another_file], {GONE}, one_file
    ),
    _race(
        "repeated create x first check of a dead create",
        past_its_grace_unstarted,
        [repeat_and_finish, case.reconcile],
        {READY},
        all_say("processing", "int"),
    ),
    _race(
        "repeated create x expiry of a dead create",
        checked_once,
        [repeat_and_finish, case.reconcile],
        {READY, GONE},
        all_say("processing", "WrongState", "int"),
    ),
    _race(
        "delete x delete",
        case.video("ready"),
        [case.delete] * 3,
        {GONE},
        one_and_the_others(str, VideoNotFound),
    ),
    _race(
        "create x create at the quota",
        case.nothing,
        [case.create] * 4,
        {GONE},
        taken(2, QuotaExceeded),
        user_quota_bytes=2 * len(SMALL_VIDEO),
    ),
    _race(
        "create x create at the limit of open uploads",
        case.nothing,
        [case.create] * 4,
        {GONE},
        taken(3, TooManyUploads),
        user_max_uploads_in_flight=3,
    ),
    _race(
        "create x create at the limit of videos",
        case.nothing,
        [case.create] * 4,
        {GONE},
        taken(3, TooManyVideos),
        user_max_videos=3,
    ),
    _race(
        "create x disable",
        case.nothing,
        [case.create, case.disable, case.create],
        {GONE},
        all_say("StartedUpload", "NotAuthenticated", "WrongState", "str"),
    ),
    _race("complete x disable", case.all_sent, [case.complete, case.disable], {READY, GONE}),
    _race("sign x disable", case.video("uploading"), [case.sign, case.disable], {GONE}),
    _race(
        "missing parts x disable",
        case.video("uploading"),
        [case.complete, case.disable, case.reconcile],
        {GONE},
    ),
    _race(
        "conversation x deletion of the account",
        case.nothing,
        [case.conversation, case.delete_account],
        {GONE},
    ),
    _race(
        "removal x deletion of the account", case.many_videos, [case.delete_account, finish_deletions], {GONE}
    ),
    _race("removal x removal", leaving, [removal_step] * 3, {GONE}),
    _race("delete x removal of a failed video", case.video("failed"), [case.delete, case.reconcile], {GONE}),
    _race("expiry x delete", case.stalled, [case.reconcile, case.delete, case.reconcile], {GONE}),
]
