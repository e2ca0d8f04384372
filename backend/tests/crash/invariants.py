"""All invariants of the service in one function: over rows, objects, open multipart uploads and jobs.

    found = await violations(database, storage, settings, clock.now(), history=history)
    assert found == []

Works through Database and ObjectStorage alone, so it holds for the fake store as for real ones and for both
databases. To be called when nothing runs: rows and store are not read at one moment. The numbers are those of
docs/reference/guarantees.md: I1 ready is true, I2 no orphan, I4 key, I6 frozen, I7 once, I8 monotone, I9 quota,
I10 no stuck state.
"""

import re
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlmodel import col, select

from app.core.config import Settings
from app.core.db import Database
from app.domain.video_file import CONTAINERS
from app.domain.video_status import HIDDEN, IN_FLIGHT, TRANSITIONS, VideoEvent, VideoStatus
from app.models import User, Video
from app.ports import ListedObject, NoSuchObject, ObjectStorage, OpenUpload, PresignedPart, StoredObject

PREFIX: Final = "videos/"
_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_KEY: Final = re.compile(rf"videos/(?P<user>{_UUID})/(?P<video>{_UUID})/{_UUID}\.(mp4|mov|avi|webm|mkv)")
_STORED_TYPES: Final = {container.name: container.content_types[0] for container in CONTAINERS}
_ORPHAN_SLACK: Final = timedelta(minutes=5)

_ASSEMBLED: Final = frozenset({VideoStatus.PROCESSING, VideoStatus.READY})
_MAY_HAVE_OBJECT: Final = _ASSEMBLED | {
    VideoStatus.COMPLETING,
    VideoStatus.FAILED,
    VideoStatus.EXPIRED,
    VideoStatus.DELETING,
}

PutPart = Callable[[str, bytes], Awaitable[int]]
"""Sends bytes to a part's URL as a browser would; answers the status."""


@dataclass
class History:
    """What earlier checks saw, so that a change that must never happen shows: one for each database."""

    seen: dict[uuid.UUID, "_Seen"] = field(default_factory=dict)
    gone: set[uuid.UUID] = field(default_factory=set)


@dataclass(frozen=True)
class _Seen:
    status: VideoStatus
    unchanging: tuple[object, ...]


@dataclass(frozen=True)
class _Scene:
    """Everything there is, read once."""

    users: Sequence[User]
    rows: Sequence[Video]
    objects: Mapping[str, ListedObject]
    heads: Mapping[str, StoredObject]
    uploads: Sequence[OpenUpload]
    settings: Settings
    now: datetime
    swept_at: datetime

    @property
    def grace(self) -> timedelta:
        return timedelta(seconds=self.settings.upload_grace_seconds)

    @property
    def sweep(self) -> timedelta:
        return timedelta(seconds=self.settings.sweep_interval_seconds)


async def violations(
    database: Database,
    storage: ObjectStorage,
    settings: Settings,
    now: datetime,
    *,
    history: History | None = None,
    settled: bool = False,
    swept_at: datetime | None = None,
    handed_out: Sequence[PresignedPart] = (),
    put: PutPart | None = None,
) -> list[str]:
    """What is broken, a sentence each; empty when all holds.

    `settled`: everything has been healthy, and without callers, for longer than 10 minutes and three sweeps: then
    only finished videos, and uploads within their grace, may be left.
    `swept_at`: when a sweep last came to its end; unless told, it is taken to have done so within its interval.
    `handed_out`: URLs that clients got, each tried through `put`: none may change a finished object (this uploads).
    """
    swept_at = swept_at or now - timedelta(seconds=settings.sweep_interval_seconds)
    scene = await _read(database, storage, settings, now, swept_at)
    found = [
        *_keys(scene),
        *_objects_are_true(scene),
        *_no_orphan_objects(scene),
        *_no_orphan_uploads(scene),
        *_jobs(scene),
        *_quota(scene),
        *_somebody_comes(scene),
    ]
    if settled:
        found += _nothing_is_stuck(scene)
    if history is not None:
        found += _monotone(scene, history)
    if put is not None:
        found += await frozen(storage, scene.rows, handed_out, put)
    return found


async def _read(
    database: Database, storage: ObjectStorage, settings: Settings, now: datetime, swept_at: datetime
) -> _Scene:
    async with database.reading() as session:
        users = list(await session.scalars(select(User)))
        rows = list(await session.scalars(select(Video).order_by(col(Video.created_at))))
    objects = {found.object_key: found async for found in storage.list_objects(PREFIX)}
    heads = {}
    for row in rows:
        if row.status in _ASSEMBLED:
            try:
                heads[row.object_key] = await storage.head(row.object_key)
            except NoSuchObject:
                continue
    uploads = [upload async for upload in storage.list_uploads(PREFIX)]
    return _Scene(users, rows, objects, heads, uploads, settings, now, swept_at)


def _keys(scene: _Scene) -> Iterator[str]:
    for row in scene.rows:
        key = _KEY.fullmatch(row.object_key)
        if key is None or (key["user"], key["video"]) != (str(row.user_id), str(row.id)):
            yield f"I4: {_name(row)} has the key {row.object_key}"
    for object_key, count in Counter(row.object_key for row in scene.rows).items():
        if count > 1:
            yield f"I4: {count} rows share the key {object_key}"


def _objects_are_true(scene: _Scene) -> Iterator[str]:
    """I1, and I7 for what a complete was answered for: the object is the announced one, alone, of our type."""
    for row in scene.rows:
        if row.status not in _ASSEMBLED:
            continue
        stored = scene.heads.get(row.object_key)
        if stored is None:
            yield f"I1: {_name(row)} has no object"
            continue
        if stored.size_bytes != row.size_bytes:
            yield f"I1: {_name(row)} was announced with {row.size_bytes} bytes, its object has {stored.size_bytes}"
        if stored.etag != row.etag:
            yield f"I1: {_name(row)} was proven with the ETag {row.etag}, its object has {stored.etag}"
        if stored.content_type != _STORED_TYPES[row.declared_container]:
            yield f"I1: the object of {_name(row)} is stored as {stored.content_type!r}"
        if row.object_token not in stored.metadata.values():
            yield f"I1: the object of {_name(row)} does not carry its token"
        if row.status is VideoStatus.READY and (row.container is None or row.ready_at is None):
            yield f"I1: {_name(row)} was never read"
        own = f"{PREFIX}{row.user_id}/{row.id}/"
        if strangers := [key for key in scene.objects if key.startswith(own) and key != row.object_key]:
            yield f"I1: {_name(row)} has more than one object: {strangers}"


def _no_orphan_objects(scene: _Scene) -> Iterator[str]:
    by_key = {row.object_key: row for row in scene.rows}
    for object_key in scene.objects:
        row = by_key.get(object_key)
        if row is None:
            yield f"I2: no row owns the object {object_key}"
        elif row.status not in _MAY_HAVE_OBJECT:
            yield f"I2: {_name(row)} has an object already"
        elif row.storage_gone_at is not None:
            yield f"I2: the object of {_name(row)} is back after the store confirmed it gone"


def _no_orphan_uploads(scene: _Scene) -> Iterator[str]:
    by_key = {row.object_key: row for row in scene.rows}
    oldest = scene.swept_at - scene.grace - _ORPHAN_SLACK
    for upload in scene.uploads:
        row = by_key.get(upload.object_key)
        if row is not None and _is_leaving(row):
            continue  # removed soon, with all others at this key
        if row is not None and row.upload_id == upload.upload_id:
            if row.status not in IN_FLIGHT:
                # Its URLs still take parts, and a completion would replace what was proven.
                yield f"I6: the upload of {_name(row)} is still open"
        elif upload.initiated_at < oldest and not (
            row and (_expires_soon(row, scene) or _was_taken_up_since(row, scene))
        ):
            yield f"I2: no live row owns the upload {upload.upload_id} at {upload.object_key}"


def _jobs(scene: _Scene) -> Iterator[str]:
    """I7: a job for each video that waits to be read, and for no other. Rows are the jobs: due_at and the lease."""
    for row in scene.rows:
        if row.status is VideoStatus.PROCESSING and row.due_at is None:
            yield f"I7: {_name(row)} has no job"
        if row.status in (VideoStatus.READY, VideoStatus.UPLOADING) and row.lease_owner:
            yield f"I7: {_name(row)} is leased"


def _quota(scene: _Scene) -> Iterator[str]:
    for user in scene.users:
        rows = [row for row in scene.rows if row.user_id == user.id]
        reserved = sum(row.reserved_bytes for row in rows)
        if user.reserved_bytes != reserved:
            yield f"I9: user {user.id} has {user.reserved_bytes} bytes reserved, the rows say {reserved}"
        if user.reserved_bytes > scene.settings.user_quota_bytes:
            yield f"I9: user {user.id} has reserved {user.reserved_bytes} bytes, more than the quota"
        in_flight = sum(1 for row in rows if row.status in IN_FLIGHT)
        if in_flight > scene.settings.user_max_uploads_in_flight:
            yield f"I9: user {user.id} has {in_flight} uploads in flight"
    for row in scene.rows:
        held = 0 if row.storage_gone_at else row.size_bytes
        if row.reserved_bytes != held:
            yield f"I9: {_name(row)} holds {row.reserved_bytes} bytes of the quota instead of {held}"
        stored = scene.objects.get(row.object_key)
        if stored is not None and stored.size_bytes > row.reserved_bytes:
            yield f"I9: {_name(row)} stores {stored.size_bytes} bytes and has {row.reserved_bytes} reserved"


def _somebody_comes(scene: _Scene) -> Iterator[str]:
    """I10, before time tells: whatever is not finished has a moment at which it is looked at again."""
    horizon = scene.now + max(scene.grace, scene.sweep, timedelta(minutes=2))
    for row in scene.rows:
        if _is_finished(row, scene):
            continue
        if row.due_at is None:
            yield f"I10: nobody will ever look at {_name(row)} again"
        elif row.due_at > horizon:
            yield f"I10: {_name(row)} is looked at only at {row.due_at}"


def _nothing_is_stuck(scene: _Scene) -> Iterator[str]:
    for row in scene.rows:
        if not _is_finished(row, scene) and not _waits_for_its_user(row, scene):
            yield f"I10: {_name(row)} is stuck (due {row.due_at}, lease until {row.lease_until})"
        if row.status is VideoStatus.FAILED and row.storage_gone_at and row.due_at:
            yield f"I10: {_name(row)} is tended again and again (due {row.due_at}), with nothing left to do"


def _waits_for_its_user(row: Video, scene: _Scene) -> bool:
    """An upload within its grace, or one that has only just expired: its removal takes up to three sweeps."""
    sweeps = {VideoStatus.UPLOADING: 1, VideoStatus.EXPIRED: 3}.get(row.status, 0)
    return sweeps > 0 and row.expires_at is not None and row.expires_at + sweeps * scene.sweep > scene.now


def _expires_soon(row: Video, scene: _Scene) -> bool:
    """Its create died before the upload's id was noted: at the second look it goes, with all uploads at its key."""
    return (
        row.status is VideoStatus.UPLOADING
        and row.upload_id is None
        and row.due_at is not None
        and row.due_at <= scene.now + scene.sweep
    )


def _was_taken_up_since(row: Video, scene: _Scene) -> bool:
    """Its create died too, but was repeated: until then any upload at its key was its own to the sweep."""
    if row.upload_id is None:
        return False
    own = next((upload for upload in scene.uploads if upload.upload_id == row.upload_id), None)
    began = own.initiated_at if own else row.uploaded_at
    return began is None or began >= scene.swept_at


def _is_leaving(row: Video) -> bool:
    """Its storage is being removed."""
    return row.status in HIDDEN or (row.status is VideoStatus.FAILED and row.storage_gone_at is None)


def _is_finished(row: Video, scene: _Scene) -> bool:
    if row.status is not VideoStatus.FAILED:
        return row.status is VideoStatus.READY
    # An object that was given up, and is there after all, is its owner's to delete.
    kept = row.status_code == "object_missing" and row.due_at is None and row.object_key in scene.objects
    return row.storage_gone_at is not None or kept


def _monotone(scene: _Scene, history: History) -> Iterator[str]:
    """I8, and that I4's keys and all that was announced never change. Only an operator fails a ready video."""
    present = {row.id: row for row in scene.rows}
    for video_id, row in present.items():
        if video_id in history.gone:
            yield f"I8: {_name(row)} was gone and has returned"
        before = history.seen.get(video_id)
        if before is None:
            continue
        if row.status is not before.status and row.status not in _reachable(before.status):
            yield f"I8: {_name(row)} was {before.status.value}"
        if _unchanging(row) != before.unchanging:
            yield f"I4: {_name(row)} was announced as {before.unchanging}, now {_unchanging(row)}"
    history.gone |= set(history.seen) - set(present)
    history.seen = {row.id: _Seen(row.status, _unchanging(row)) for row in scene.rows}


def _unchanging(row: Video) -> tuple[object, ...]:
    announced = (row.original_filename, row.content_type, row.size_bytes, row.part_size_bytes)
    return (row.user_id, row.object_key, row.object_token, row.idempotency_key, *announced)


def _reachable(status: VideoStatus) -> set[VideoStatus]:
    reached: set[VideoStatus] = set()
    ahead = {status}
    while ahead:
        here = ahead.pop()
        for (source, event), target in TRANSITIONS.items():
            if source is here and event is not VideoEvent.SET_FAILED and target not in reached:
                reached.add(target)
                ahead.add(target)
    return reached


async def frozen(
    storage: ObjectStorage, rows: Sequence[Video], handed_out: Sequence[PresignedPart], put: PutPart
) -> list[str]:
    """I6: other bytes of the signed length are sent to every URL of a finished or removed video."""
    by_key = {row.object_key: row for row in rows}
    found = []
    for part in handed_out:
        object_key = _key_in(part.url)
        row = by_key.get(object_key)
        if row is not None and row.status not in _ASSEMBLED:
            continue  # still sending, or a removal that the store has not confirmed
        status = await put(part.url, b"\xa5" * part.size_bytes)
        if 200 <= status < 300:
            found.append(
                f"I6: a URL of {object_key} still takes part {part.part_number} "
                f"({'no row' if row is None else _name(row)})"
            )
        if row is not None and await _etag(storage, object_key) != row.etag:
            found.append(f"I6: part {part.part_number} replaced the object of {_name(row)}")
    return found


async def _etag(storage: ObjectStorage, object_key: str) -> str | None:
    try:
        return (await storage.head(object_key)).etag
    except NoSuchObject:
        return None


def _key_in(url: str) -> str:
    found = _KEY.search(url)
    if found is None:
        raise ValueError("this URL holds none of our keys")
    return found.group()


def _name(row: Video) -> str:
    return f"video {row.id} ({row.status.value}{', ' + row.status_code if row.status_code else ''})"
