"""Checks all invariants over rows, objects, open multipart uploads and jobs.

    found = await violations(database, storage, settings, clock.now(), history=history)
    assert found == []

It uses only Database and ObjectStorage, so it works with the fake store, real stores and both databases. Call it when
nothing else runs, because it does not read rows and store at one moment. The numbers I1 to I10 are those of
docs/reference/guarantees.md.
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
from app.domain.video_status import HIDDEN, IN_FLIGHT, OF_OPERATOR, TRANSITIONS, VideoStatus
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
"""Sends bytes to the URL of a part as a browser does, and returns the status."""


@dataclass
class History:
    """What earlier checks of one database saw, so that forbidden changes show."""

    seen: dict[uuid.UUID, "_Seen"] = field(default_factory=dict)
    gone: set[uuid.UUID] = field(default_factory=set)


@dataclass(frozen=True)
class _Seen:
    status: VideoStatus
    unchanging: tuple[object, ...]


@dataclass(frozen=True)
class _Snapshot:
    """A snapshot of rows and store."""

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
    issued_urls: Sequence[PresignedPart] = (),
    put: PutPart | None = None,
) -> list[str]:
    """Return a sentence for each violation.

    If `settled`, everything was healthy and without callers for longer than 15 minutes. Then only
    finished videos and uploads within their grace may remain. `swept_at` is the time of the last sweep and defaults
    to one sweep interval ago. Each URL of `issued_urls` is tried through `put`, and none may change a finished object.
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
        *_disabled_is_stopped(scene),
        *_somebody_comes(scene),
    ]
    if settled:
        found += _nothing_is_stuck(scene)
    if history is not None:
        found += _monotone(scene, history)
    if put is not None:
        found += await frozen(storage, scene.rows, issued_urls, put)
    return found


async def _read(
    database: Database, storage: ObjectStorage, settings: Settings, now: datetime, swept_at: datetime
) -> _Snapshot:
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
    return _Snapshot(users, rows, objects, heads, uploads, settings, now, swept_at)


def _keys(scene: _Snapshot) -> Iterator[str]:
    for row in scene.rows:
        key = _KEY.fullmatch(row.object_key)
        if key is None or (key["user"], key["video"]) != (str(row.user_id), str(row.id)):
            yield f"I4: {_name(row)} has the key {row.object_key}"
    for object_key, count in Counter(row.object_key for row in scene.rows).items():
        if count > 1:
            yield f"I4: {count} rows share the key {object_key}"


def _objects_are_true(scene: _Snapshot) -> Iterator[str]:
    """I1 and I7. A completed video has one object, with the announced content and our content type."""
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
            yield f"I1: {_name(row)} was verified with the ETag {row.etag}, its object has {stored.etag}"
        if stored.content_type != _STORED_TYPES[row.declared_container]:
            yield f"I1: the object of {_name(row)} is stored as {stored.content_type!r}"
        if row.object_token not in stored.metadata.values():
            yield f"I1: the object of {_name(row)} does not have its token"
        if row.status is VideoStatus.READY and (row.container is None or row.ready_at is None):
            yield f"I1: {_name(row)} was never read"
        own = f"{PREFIX}{row.user_id}/{row.id}/"
        if others := [key for key in scene.objects if key.startswith(own) and key != row.object_key]:
            yield f"I1: {_name(row)} has more than one object: {others}"


def _no_orphan_objects(scene: _Snapshot) -> Iterator[str]:
    by_key = {row.object_key: row for row in scene.rows}
    for object_key in scene.objects:
        row = by_key.get(object_key)
        if row is None:
            yield f"I2: no row owns the object {object_key}"
        elif row.status not in _MAY_HAVE_OBJECT:
            yield f"I2: {_name(row)} has an object already"
        elif row.storage_gone_at is not None:
            yield f"I2: the object of {_name(row)} is back after the store confirmed it gone"


def _no_orphan_uploads(scene: _Snapshot) -> Iterator[str]:
    by_key = {row.object_key: row for row in scene.rows}
    oldest = scene.swept_at - scene.grace - _ORPHAN_SLACK
    for upload in scene.uploads:
        row = by_key.get(upload.object_key)
        if row is not None and _is_leaving(row):
            continue  # Its removal deletes all objects at this key.
        if row is not None and row.upload_id == upload.upload_id:
            if row.status not in IN_FLIGHT:
                # Its URLs still accept parts, and a completion would replace the verified object.
                yield f"I6: the upload of {_name(row)} is still open"
        elif upload.initiated_at < oldest and not (
            row and (_expires_soon(row, scene) or _was_taken_up_since(row, scene))
        ):
            yield f"I2: no live row owns the upload {upload.upload_id} at {upload.object_key}"


def _jobs(scene: _Snapshot) -> Iterator[str]:
    """I7.

    Each video that waits for its probe has a job, and no other has one. A job is due_at and the lease of a row.
    """
    for row in scene.rows:
        if row.status is VideoStatus.PROCESSING and row.due_at is None:
            yield f"I7: {_name(row)} has no job"
        if row.status in (VideoStatus.READY, VideoStatus.UPLOADING) and row.lease_owner:
            yield f"I7: {_name(row)} is leased"


def _quota(scene: _Snapshot) -> Iterator[str]:
    for user in scene.users:
        rows = [row for row in scene.rows if row.user_id == user.id]
        reserved = sum(row.reserved_bytes for row in rows)
        if user.reserved_bytes != reserved:
            yield f"I9: user {user.id} has {user.reserved_bytes} bytes reserved, the rows say {reserved}"
        if user.reserved_bytes > scene.settings.user_quota_bytes:
            yield f"I9: user {user.id} has reserved {user.reserved_bytes} bytes, more than the quota"
        in_flight = sum(1 for row in rows if row.status in IN_FLIGHT and row.remove_at is None)
        if in_flight > scene.settings.user_max_uploads_in_flight:
            yield f"I9: user {user.id} has {in_flight} uploads in flight"
    for row in scene.rows:
        held = 0 if row.storage_gone_at else row.size_bytes
        if row.reserved_bytes != held:
            yield f"I9: {_name(row)} reserves {row.reserved_bytes} bytes of the quota instead of {held}"
        stored = scene.objects.get(row.object_key)
        if stored is not None and stored.size_bytes > row.reserved_bytes:
            yield f"I9: {_name(row)} stores {stored.size_bytes} bytes and has {row.reserved_bytes} reserved"


def _disabled_is_stopped(scene: _Snapshot) -> Iterator[str]:
    for user in scene.users:
        is_open = [row for row in scene.rows if row.user_id == user.id and row.status in IN_FLIGHT]
        if is_open and not user.is_active:
            yield f"I16: user {user.id} is disabled, and {_name(is_open[0])} is an open upload"


def _somebody_comes(scene: _Snapshot) -> Iterator[str]:
    """I10. Each unfinished row has a time at which the reconciler or a worker takes it up."""
    horizon = scene.now + max(scene.grace, scene.sweep, timedelta(minutes=2))
    for row in scene.rows:
        if _is_finished(row, scene):
            continue
        if row.due_at is None:
            yield f"I10: nothing will ever check {_name(row)} again"
        elif row.due_at > horizon:
            yield f"I10: {_name(row)} is checked only at {row.due_at}"


def _nothing_is_stuck(scene: _Snapshot) -> Iterator[str]:
    for user in scene.users:
        if user.deleted_at is not None:
            yield f"I10: the deletion of user {user.id} is stuck (since {user.deleted_at})"
    for row in scene.rows:
        if not _is_finished(row, scene) and not _waits_for_its_user(row, scene):
            yield f"I10: {_name(row)} is stuck (due {row.due_at}, lease until {row.lease_until})"
        if row.remove_at is not None:
            yield f"I10: the deletion of {_name(row)} never began (due {row.remove_at})"
        if row.status is VideoStatus.FAILED and row.storage_gone_at and row.due_at:
            yield f"I10: {_name(row)} is reconciled again and again (due {row.due_at}), with nothing left to do"


def _waits_for_its_user(row: Video, scene: _Snapshot) -> bool:
    """Return whether the upload is within its grace or expired within the last three sweeps."""
    sweeps = {VideoStatus.UPLOADING: 1, VideoStatus.EXPIRED: 3}.get(row.status, 0)
    return sweeps > 0 and row.expires_at is not None and row.expires_at + sweeps * scene.sweep > scene.now


def _expires_soon(row: Video, scene: _Snapshot) -> bool:
    """Return whether a create died before it saved the upload ID.

    The recheck removes the row and all uploads at its key.
    """
    return (
        row.status is VideoStatus.UPLOADING
        and row.upload_id is None
        and row.due_at is not None
        and row.due_at <= scene.now + scene.sweep
    )


def _was_taken_up_since(row: Video, scene: _Snapshot) -> bool:
    """Return whether a create died and was repeated. Until then the sweep took any upload at its key for its own."""
    if row.upload_id is None:
        return False
    own = next((upload for upload in scene.uploads if upload.upload_id == row.upload_id), None)
    began = own.initiated_at if own else row.uploaded_at
    return began is None or began >= scene.swept_at


def _is_leaving(row: Video) -> bool:
    """Return whether the storage of the row is being removed."""
    return row.status in HIDDEN or (row.status is VideoStatus.FAILED and row.storage_gone_at is None)


def _is_finished(row: Video, scene: _Snapshot) -> bool:
    if row.status is not VideoStatus.FAILED:
        return row.status is VideoStatus.READY
    # The owner of a failed video may delete the object that is found after all.
    kept = row.status_code == "object_missing" and row.due_at is None and row.object_key in scene.objects
    return row.storage_gone_at is not None or kept


def _monotone(scene: _Snapshot, history: History) -> Iterator[str]:
    """I8 and I4.

    States only move forward, and keys and announced values never change. Only an operator fails a ready video.
    """
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
        for event, (sources, target) in TRANSITIONS.items():
            if here in sources and event not in OF_OPERATOR and target not in reached:
                reached.add(target)
                ahead.add(target)
    return reached


async def frozen(
    storage: ObjectStorage, rows: Sequence[Video], issued_urls: Sequence[PresignedPart], put: PutPart
) -> list[str]:
    """I6. Send other bytes of the signed length to each URL of a finished or removed video."""
    by_key = {row.object_key: row for row in rows}
    found = []
    for part in issued_urls:
        object_key = _key_in(part.url)
        row = by_key.get(object_key)
        if row is not None and row.status not in _ASSEMBLED:
            continue  # Its client may still send, or the store has not confirmed its removal.
        status = await put(part.url, b"\xa5" * part.size_bytes)
        if 200 <= status < 300:
            found.append(
                f"I6: a URL of {object_key} still accepts part {part.part_number} "
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
