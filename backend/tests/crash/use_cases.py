"""Every use case that touches the store or changes a video's state, with how it may end.

The ends are the states of all videos after everything has settled, or `gone` if none is left.
"""

import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from app.domain.errors import StorageUnavailable
from app.domain.recheck import RECHECK_AFTER
from app.domain.sweep_report import max_changes
from app.domain.video_status import VideoStatus
from app.ports import (
    InvalidPart,
    NoSuchObject,
    NoSuchUpload,
    ObjectExists,
    ScannerUnavailable,
    ScanVerdict,
)
from app.services.processing import MAX_ATTEMPTS
from app.services.sweep.audit import AUDIT_EVERY
from app.services.sweep.bucket import MARKER_KEY
from app.services.sweep.sweep import SweepOrder
from app.services.user_admin import NoSuchAccount
from mediaprobe import BudgetExceeded, NoVideoTrack
from tests import factories
from tests.crash.world import World, all_part_md5s
from tests.factories import SMALL_VIDEO

GRACE = timedelta(hours=1)
ENDED = timedelta(seconds=-1)
UNDO_TIME = timedelta(seconds=10)
READY, GONE, FAILED = "ready", "gone", "failed"

Step = Callable[[World], Awaitable[object]]


@dataclass(frozen=True)
class UseCase:
    name: str
    arrange: Step
    act: Step
    repeated: frozenset[str]
    """Ends if the client repeats its request until it gets an answer."""
    abandoned: frozenset[str]
    """Ends if the process died before it answered and the client did not repeat."""

    @property
    def has_client(self) -> bool:
        return self.act not in (reconcile, reconcile_keeps_it, work, sweep)


def _case(
    name: str, arrange: Step, act: Step, repeated: str | set[str], abandoned: str | set[str] | None = None
) -> UseCase:
    def as_set(ends: str | set[str]) -> frozenset[str]:
        return frozenset({ends} if isinstance(ends, str) else ends)

    return UseCase(name, arrange, act, as_set(repeated), as_set(repeated if abandoned is None else abandoned))


# --- what is there ----------------------------------------------------------------------------------------------


async def nothing(_world: World) -> None:
    """A user and an empty bucket."""


def video(status: str, **values: object) -> Step:
    async def arrange(world: World) -> None:
        await world.insert(status, **values)

    return arrange


def removed(status: str, *, due: bool = False) -> Step:
    async def arrange(world: World) -> None:
        now = world.clock.now()
        await world.insert(status, remove_at=now if due else now + UNDO_TIME)

    return arrange


async def removed_while_completing(world: World) -> None:
    """The completion goes on until the time of the undo ends."""
    now = world.clock.now()
    await world.insert("completing", remove_at=now + UNDO_TIME, lease_until=now + ENDED, due_at=now + ENDED)


async def all_sent(world: World) -> None:
    await world.insert("uploading", parts_sent=[1])


async def lost_its_process(world: World) -> None:
    """A completion died before it assembled, and its lease has ended."""
    ended = world.clock.now() + ENDED
    await world.insert("completing", lease_until=ended, due_at=ended)


async def assembled_by_a_dead_process(world: World) -> None:
    await lost_its_process(world)
    upload_id = world.video.upload_id or ""
    parts = await world.store.list_parts(world.video.object_key, upload_id)
    await world.store.complete_multipart_upload(world.video.object_key, upload_id, parts, only_if_new=True)


async def sent_short(world: World) -> None:
    await world.insert("uploading")
    world.store.store_part(world.video.upload_id or "", 1, SMALL_VIDEO[:-1])


async def sent_other_bytes(world: World) -> None:
    await world.insert("uploading")
    world.store.store_part(world.video.upload_id or "", 1, SMALL_VIDEO[::-1])


async def foreign_object(world: World) -> None:
    """An object of the right size at the key that Slipway did not make."""
    await all_sent(world)
    world.store.store_object(world.video.object_key, SMALL_VIDEO)


async def upload_lost_by_the_store(world: World) -> None:
    await all_sent(world)
    await world.store.abort_multipart_upload(world.video.object_key, world.video.upload_id or "")


async def many_videos(world: World) -> None:
    """More than one, so that a deletion can end between them."""
    for status in ("ready", "failed", "processing"):
        await world.insert(status)
    await lost_its_process(world)


async def stalled(world: World) -> None:
    await world.insert("uploading")
    world.clock.advance(GRACE)


async def stalled_without_upload_id(world: World) -> None:
    """A create died after the store's answer and before it saved the upload ID."""
    await world.insert("uploading", upload_id=None, in_store=False)
    world.store.open_upload(world.video.object_key)
    world.clock.advance(GRACE)


async def moving(world: World) -> None:
    await world.insert("uploading", data=SMALL_VIDEO, part_size_bytes=len(SMALL_VIDEO) // 2)
    world.clock.advance(minutes=50)
    world.store.store_part(world.video.upload_id or "", 1, SMALL_VIDEO[: len(SMALL_VIDEO) // 2])
    world.clock.advance(minutes=10)


async def first_confirmed(world: World) -> None:
    """The store confirmed a deletion once, and then stored a late part."""
    await world.insert("deleting")
    await world.application.removal.step(world.video.id)
    world.store.store_late_part(world.video.object_key, world.video.upload_id or "", 1, SMALL_VIDEO)
    world.clock.advance(minutes=5)


async def probed_in_vain(world: World) -> None:
    await world.insert("processing", in_store=False)
    world.probe.usual = NoSuchObject()
    world.lost_by_the_store = True


async def orphans(world: World) -> None:
    """A ready video, an upload without a row, and one of a create that died and was repeated."""
    await world.insert("ready")
    world.store.open_upload(key_without_row())
    world.store.open_upload(world.video.object_key)
    world.clock.advance(GRACE + timedelta(seconds=1))


async def old_and_owned(world: World) -> None:
    """All parts were sent long ago. The row decides whether the upload expires or is completed."""
    await all_sent(world)
    world.clock.advance(GRACE + timedelta(seconds=1))


async def young_orphans(world: World) -> None:
    """The database was restored, and clients still send the uploads that they began since."""
    world.store.open_upload(key_without_row())
    world.clock.advance(GRACE)


async def very_many_orphans(world: World) -> None:
    for _ in range(max_changes(0) + 1):
        world.store.open_upload(key_without_row())
    world.clock.advance(GRACE + timedelta(seconds=1))


async def orphans_of_another(world: World) -> None:
    """The bucket of another database, whose uploads have no row here."""
    world.store.store_object(MARKER_KEY, json.dumps({"database_id": str(uuid.uuid4())}).encode())
    await orphans(world)


async def videos_without_objects(world: World) -> None:
    """A sweep found the objects of some ready videos missing, and it is time for the second check."""
    for _ in range(3):
        await world.insert("ready")
    await sweep(world)
    for row in await world.rows():
        del world.store.objects[row.object_key]
    world.clock.advance(AUDIT_EVERY)
    await sweep(world)
    world.clock.advance(RECHECK_AFTER)


def key_without_row() -> str:
    return f"videos/{uuid.uuid4()}/{uuid.uuid4()}/{uuid.uuid4()}.mp4"


def probed(outcome: Exception | None = None, **values: object) -> Step:
    async def arrange(world: World) -> None:
        await world.insert("processing", **values)
        if outcome is not None:
            world.probe.usual = outcome

    return arrange


def scanned(answer: ScanVerdict | Exception, **values: object) -> Step:
    async def arrange(world: World) -> None:
        await world.insert("processing", **values)
        world.scanner.usual = answer

    return arrange


async def scanner_away_once(world: World) -> None:
    await world.insert("processing")
    world.scanner.answers.append(ScannerUnavailable("away"))


async def postponed(world: World) -> None:
    await world.insert("processing")
    world.probe.answers.append(StorageUnavailable())


# --- what is done -----------------------------------------------------------------------------------------------


async def create(world: World) -> object:
    return await world.application.uploads.create(
        world.user.id, "harbour.mp4", len(SMALL_VIDEO), "video/mp4", None
    )


IDEMPOTENCY_KEY = uuid.UUID("7a6f0c9e-3b5d-4a59-9c0e-5d1f6a2b8c11")


async def conversation(world: World) -> object:
    """Create with an idempotency key, send and complete."""
    started = await world.application.uploads.create(
        world.user.id, "harbour.mp4", len(SMALL_VIDEO), "video/mp4", IDEMPOTENCY_KEY
    )
    if started.parts is not None:
        world.send(started.parts)
    return await world.application.completion.complete(world.user.id, started.video.id, all_part_md5s())


async def sign(world: World) -> object:
    parts = await world.application.uploads.sign_parts(world.user.id, world.video.id, [1])
    world.send(parts)
    return parts


async def complete(world: World) -> object:
    return await world.application.completion.complete(world.user.id, world.video.id, all_part_md5s())


def complete_while(operation: str, error: Exception, *, happens: bool) -> Step:
    """Let the store's first answer be an error."""

    async def act(world: World) -> object:
        if world.store.count(operation) == 0:
            world.store.fail_next(operation, error, when="after" if happens else "before")
        return await complete(world)

    return act


async def delete(world: World) -> object:
    await world.application.videos.delete(world.user.id, world.video.id)
    return "204"


async def remove(world: World) -> object:
    """Delete the video in the way that can be taken back."""
    await world.application.undo.remove(world.user.id, [world.video.id])
    return "removed"


async def restore(world: World) -> object:
    """Take a removal back."""
    shown = await world.application.undo.restore(world.user.id, [world.video.id])
    return sorted(str(video.id) for video in shown)


async def disable(world: World) -> object:
    """Disable the account and abort its open uploads, as the operator's command does."""
    stopped = await world.application.user_admin.disable(world.user.id)
    await world.application.user_admin.clear(stopped)
    return "disabled"


async def delete_account(world: World) -> object:
    try:
        stopped = await world.application.user_admin.delete(world.user.id)
    except NoSuchAccount:
        return "gone"  # The deletion had ended before the operator repeated it.
    await world.application.user_admin.clear(stopped)
    return "deleting"


async def reconcile(world: World) -> object:
    return await world.application.reconciler.reconcile_due()


async def reconcile_keeps_it(world: World) -> object:
    reconciled = await reconcile(world)
    row = await factories.find_video(world.application, world.video.id)
    # If the store reports the upload as lost, the upload ends.
    is_lost = world.process.struck_by and isinstance(world.process.struck_by.error, NoSuchUpload)
    if not is_lost and (row is None or row.status is not VideoStatus.UPLOADING):
        world.found.append("an upload with progress has expired")
    return reconciled


async def sweep(world: World) -> object:
    return await world.application.sweep.run(SweepOrder())


async def sweep_keeps_them(world: World) -> object:
    """Everything stays as it was."""
    before = await world.contents()
    report = await sweep(world)
    if await world.contents() != before:
        world.found.append("a sweep has changed what it should keep")
    return report


async def work(world: World) -> object:
    return await factories.run_due_probes(world.application)


FOREIGN_OBJECT = _case("complete, a foreign object is there", foreign_object, complete, FAILED)
"""Undisturbed only, because before the complete the row has an object that it should not have."""

KEPT_BY_SWEEP = {
    "uploads that rows own": old_and_owned,
    "uploads within their grace": young_orphans,
    "more uploads than it may abort": very_many_orphans,
    "ready videos without their objects": videos_without_objects,
    "another database's bucket": orphans_of_another,
}
"""What a sweep must not change. Undisturbed only, because just an operator resolves these scenes."""

INFECTED = ScanVerdict("infected", "Eicar")
NO_VIDEO = NoVideoTrack("There is no picture in this file.")

USE_CASES = [
    _case("create", nothing, create, GONE),
    _case("conversation", nothing, conversation, READY, {READY, GONE}),
    _case("sign", video("uploading"), sign, GONE),
    _case("complete", all_sent, complete, READY, {READY, GONE}),
    *(
        _case(
            f"complete, the store's {type(error).__name__} {'after' if happens else 'before'} it assembled",
            all_sent,
            complete_while("complete_multipart_upload", error, happens=happens),
            READY,
            {READY, GONE},
        )
        for error, happens in (
            (StorageUnavailable(), True),
            (StorageUnavailable(), False),
            (InvalidPart(), False),
            (ObjectExists(), True),
            (ObjectExists(), False),
        )
    ),
    _case(
        "complete, the HEAD fails",
        all_sent,
        complete_while("head", StorageUnavailable(), happens=False),
        READY,
        {READY, GONE},
    ),
    _case("complete with a part missing", video("uploading"), complete, GONE),
    _case("complete with a short part", sent_short, complete, GONE),
    _case("complete with other bytes", sent_other_bytes, complete, GONE),
    _case("complete, the upload is gone", upload_lost_by_the_store, complete, FAILED, {FAILED, GONE}),
    _case("complete after a dead process", lost_its_process, complete, READY),
    _case("complete, assembled by a dead process", assembled_by_a_dead_process, complete, READY),
    _case("resume by the reconciler", lost_its_process, reconcile, READY),
    _case("resume by the reconciler, assembled already", assembled_by_a_dead_process, reconcile, READY),
    *(
        _case(f"delete {status}", video(status), delete, GONE, {GONE, end})
        for status, end in (
            ("uploading", GONE),
            ("completing", READY),
            ("processing", READY),
            ("ready", READY),
            ("failed", FAILED),
        )
    ),
    _case(
        "delete after a create that died",
        video("uploading", upload_id=None, in_store=False),
        delete,
        GONE,
    ),
    _case("delete a completion that died", assembled_by_a_dead_process, delete, GONE, {GONE, READY}),
    _case("remove an upload", video("uploading"), remove, GONE),
    _case("remove, with time to take it back", video("ready"), remove, GONE, {GONE, READY}),
    _case("restore", removed("processing"), restore, READY, {READY, GONE}),
    _case("the time to restore ends", removed("completing", due=True), reconcile, GONE),
    _case("a removed completion died", removed_while_completing, reconcile, GONE),
    _case("disable during an upload", all_sent, disable, GONE),
    _case("disable during a completion", lost_its_process, disable, GONE, {GONE, READY}),
    _case("delete an account", many_videos, delete_account, GONE, {GONE, "failed+ready+ready+ready"}),
    _case("expire", stalled, reconcile, GONE),
    _case("expire a create that died", stalled_without_upload_id, reconcile, GONE),
    _case("progress moves the expiry", moving, reconcile_keeps_it, GONE),
    _case("remove: the second confirmation", first_confirmed, reconcile, GONE),
    _case("remove a failed video", video("failed"), reconcile, FAILED),
    _case("sweep", orphans, sweep, READY),
    _case("probe: ready", probed(), work, READY),
    _case("probe: rejected", probed(NO_VIDEO), work, FAILED),
    _case("probe: out of budget", probed(BudgetExceeded("Too large.", container="mp4")), work, READY),
    _case("probe: out of budget before the container", probed(BudgetExceeded("Too large.")), work, READY),
    _case("probe: the object is gone", probed_in_vain, work, FAILED),
    _case("probe: postponed", postponed, work, READY),
    _case("probe: attempts exhausted", probed(attempts=MAX_ATTEMPTS), work, READY),
    _case("scan: infected", scanned(INFECTED), work, FAILED),
    _case("scan: infected, attempts exhausted", scanned(INFECTED, attempts=MAX_ATTEMPTS), work, FAILED),
    _case("scan: no verdict at first", scanner_away_once, work, READY),
]
