"""Create settings, applications, users, videos and whole uploads for tests."""

import asyncio
import secrets
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import col, select

from app.bootstrap import Application, assemble
from app.core.config import Settings
from app.core.security import hash_token, new_session_token
from app.crud import users, videos
from app.domain.announced_object import TOKEN_METADATA
from app.domain.email_address import email_key
from app.domain.limits import Limit
from app.domain.part_plan import plan_parts
from app.domain.video_file import CONTAINERS, object_key
from app.domain.video_list import name_key
from app.domain.video_status import IN_FLIGHT, VideoStatus
from app.models import Session, User, Video
from app.ports import Clock, MediaProbe, ObjectStorage, Scanner
from app.services.processing import METADATA_COLUMNS
from tests.fakes import (
    BUCKET_URL,
    FakeDelivery,
    InMemoryStorage,
    content_md5,
    md5_hex,
    some_metadata,
)
from tests.waiting import TIMEOUT_SECONDS

APP_URL = "http://127.0.0.1:8000"
PASSWORD = "a quiet harbour"
SMALL_VIDEO = b"ftyp" * 256
"""1 KiB in one part. The fakes ignore its content."""


def make_settings(database_url: str, data_dir: Path, **values: Any) -> Settings:
    """Return settings without the environment, `.env`, the embedded store, the page and limits on requests."""
    given = {
        **{f"limit_{limit}": "" for limit in Limit},
        "database_url": database_url,
        "slipway_data_dir": data_dir,
        "s3_endpoint_url": BUCKET_URL.removesuffix("/slipway/"),
        "s3_bucket": "slipway",
        "page_dir": data_dir / "no-page",
        **values,
    }
    return Settings(_env_file=None, **given)


def make_application(
    settings: Settings,
    clock: Clock,
    storage: ObjectStorage,
    probe: MediaProbe,
    scanner: Scanner | None = None,
) -> Application:
    """Create the real services over the fakes and the test's database. The caller closes them."""
    return assemble(
        settings,
        clock=clock,
        storage=storage,
        delivery=FakeDelivery(),
        store_origins=lambda: ["http://store.test"],
        probe=probe,
        scanner=scanner,
    )


# --- rows -------------------------------------------------------------------------------------------------------


async def insert_user(application: Application, encoded_password: str, **values: Any) -> User:
    """Insert a user. `values` may set any column."""
    email = values.pop("email", f"{uuid.uuid4().hex}@example.com")
    given = {
        "email_key": email_key(email),
        "full_name": None,
        "password_hash": encoded_password,
        "is_active": True,
        "reserved_bytes": 0,
        "created_at": application.clock.now(),
        **values,
    }
    user = User(email=email, **given)
    async with application.database.transaction() as session:
        await users.insert(session, user)
    return user


async def insert_session(application: Application, user: User, kind: str) -> str:
    """Insert a session and return its token."""
    token = new_session_token()
    now = application.clock.now()
    row = Session(
        user_id=user.id,
        token_hash=hash_token(token),
        kind=kind,
        user_agent="tests",
        created_at=now,
        last_seen_at=now,
        expires_at=now + timedelta(seconds=application.settings.session_absolute_seconds),
    )
    async with application.database.transaction() as session:
        session.add(row)
    return token


async def insert_video(
    application: Application,
    storage: InMemoryStorage,
    user: User,
    status: VideoStatus | str = VideoStatus.UPLOADING,
    *,
    data: bytes = SMALL_VIDEO,
    parts_sent: Iterable[int] | None = None,
    in_store: bool = True,
    **values: Any,
) -> Video:
    """Insert a video in `status`, reserve its bytes, and store what the status implies.

    `uploading` has an open upload with the parts `parts_sent`, and `completing` one with all parts. `processing`,
    `ready` and `failed` have the object. `expired` and `deleting` have an open upload. `in_store=False` leaves the
    store empty. `values` may set any column.
    """
    status = VideoStatus(status)
    now = application.clock.now()
    container = CONTAINERS[0]
    video_id = uuid.uuid4()
    object_token = uuid.uuid4().hex
    assembled = status in (VideoStatus.PROCESSING, VideoStatus.READY, VideoStatus.FAILED)
    key = object_key(user.id, video_id, uuid.uuid4(), container)
    given: dict[str, Any] = {
        "id": video_id,
        "user_id": user.id,
        "original_filename": "harbour.mp4",
        "content_type": container.content_types[0],
        "declared_container": container.name,
        "size_bytes": len(data),
        "part_size_bytes": plan_parts(len(data)).part_size_bytes,
        "object_key": key,
        "upload_id": secrets.token_urlsafe(24),
        "etags_are_md5": True,
        "object_token": object_token,
        "status": status,
        "attempts": 0,
        "postponed": 0,
        "reserved_bytes": len(data),
        "metadata_complete": False,
        "created_at": now,
    }
    if in_store and not assembled:
        given["upload_id"] = storage.open_upload(key, metadata={TOKEN_METADATA: object_token})
    if in_store and assembled:
        given["etag"] = storage.store_object(key, data, {TOKEN_METADATA: object_token})
    given |= _columns_of(application, status) | values
    given.setdefault("name_key", name_key(given["original_filename"]))
    video = Video(**given)
    if in_store and not assembled:
        everything = range(1, video.part_plan.part_count + 1)
        sent = everything if status is VideoStatus.COMPLETING and parts_sent is None else parts_sent or ()
        for number in sent:
            storage.store_part(given["upload_id"], number, part_of(video, data, number))
    async with application.database.transaction() as session:
        await videos.insert(session, video)
        await users.release_bytes(session, user.id, -video.reserved_bytes)
    return video


def _columns_of(application: Application, status: VideoStatus) -> dict[str, Any]:
    """Return the columns that the use cases would have written."""
    now = application.clock.now()
    match status:
        case VideoStatus.UPLOADING:
            expires_at = now + timedelta(seconds=application.settings.upload_grace_seconds)
            return {"expires_at": expires_at, "due_at": expires_at}
        case VideoStatus.COMPLETING:
            until = now + timedelta(seconds=30)
            expires_at = now + timedelta(seconds=application.settings.upload_grace_seconds)
            lease = {"lease_owner": uuid.uuid4(), "lease_until": until, "due_at": until}
            return {"expires_at": expires_at, **lease}
        case VideoStatus.PROCESSING:
            return {"uploaded_at": now, "due_at": now}
        case VideoStatus.READY:
            found = some_metadata()
            known = {name: getattr(found, name) for name in METADATA_COLUMNS}
            return {"uploaded_at": now, "ready_at": now, "metadata_complete": True, **known}
        case VideoStatus.FAILED:
            reason = {"status_code": "no_video_track", "status_detail": "There is no picture in this file."}
            return {"uploaded_at": now, "due_at": now, **reason}
        case VideoStatus.EXPIRED | VideoStatus.DELETING:
            return {"due_at": now}


async def find_video(application: Application, video_id: uuid.UUID) -> Video | None:
    """Return the current row, even if it is hidden, or None."""
    async with application.database.reading() as session:
        return await videos.get(session, video_id)


async def read_video(application: Application, video_id: uuid.UUID) -> Video:
    """Return the current row, which must exist."""
    found = await find_video(application, video_id)
    assert found is not None, "the row is gone"
    return found


async def reserved_bytes(application: Application, user: User) -> int:
    """Return the user's reserved bytes."""
    async with application.database.reading() as session:
        return (await session.scalars(select(User.reserved_bytes).where(col(User.id) == user.id))).one()


async def count_videos(application: Application, *statuses: VideoStatus) -> int:
    """Count the rows in these states, or all."""
    async with application.database.reading() as session:
        found = await session.scalars(select(Video.status))
        return sum(1 for status in found if not statuses or status in statuses)


async def assert_quota_is_exact(application: Application, user: User) -> None:
    """Assert that the counter is the sum of the rows and that open uploads are within the limit."""
    async with application.database.reading() as session:
        rows = list(await session.scalars(select(Video).where(col(Video.user_id) == user.id)))
    assert await reserved_bytes(application, user) == sum(video.reserved_bytes for video in rows)
    in_flight = sum(1 for video in rows if video.status in IN_FLIGHT and video.remove_at is None)
    assert in_flight <= application.settings.user_max_uploads_in_flight


async def run_due_probes(application: Application) -> int:
    """Do every due probe and return their number."""
    done = 0
    while await application.processing.probe_next():
        done += 1
    return done


def part_of(video: Video, data: bytes, number: int) -> bytes:
    """Return the bytes of one part."""
    start = (number - 1) * video.part_size_bytes
    return data[start : start + video.part_size_bytes]


# --- the conversation over HTTP -----------------------------------------------------------------------------------


class ApiClient(httpx.AsyncClient):
    """A client and its signed-in user."""

    user: User


@dataclass(frozen=True)
class Announced:
    """What `announce` returned."""

    video: Mapping[str, Any]
    upload: Mapping[str, Any]
    data: bytes

    @property
    def id(self) -> str:
        return str(self.video["id"])

    def piece(self, part_number: int) -> bytes:
        size: int = self.upload["part_size_bytes"]
        return self.data[(part_number - 1) * size : part_number * size]

    @property
    def part_md5s(self) -> list[dict[str, object]]:
        """The request body of `complete` with the MD5 of every part."""
        count: int = self.upload["part_count"]
        return [{"part_number": n, "md5": md5_hex(self.piece(n))} for n in range(1, count + 1)]


async def announce(
    client: httpx.AsyncClient,
    data: bytes = SMALL_VIDEO,
    *,
    filename: str = "harbour.mp4",
    content_type: str = "video/mp4",
    idempotency_key: uuid.UUID | None = None,
) -> Announced:
    """Send POST /videos and assert that it succeeds."""
    answer = await client.post(
        "/api/v1/videos",
        json={"filename": filename, "size_bytes": len(data), "content_type": content_type},
        headers={"Idempotency-Key": str(idempotency_key or uuid.uuid4())},
    )
    assert answer.status_code in (200, 201), answer.text
    body = answer.json()
    return Announced(body["video"], body["upload"], data)


async def send_parts(client: httpx.AsyncClient, storage: InMemoryStorage, announced: Announced) -> None:
    """PUT every part, and sign further batches."""
    signed = {part["part_number"]: part["url"] for part in announced.upload["parts"]}
    for number in range(1, announced.upload["part_count"] + 1):
        if number not in signed:
            wanted = list(range(number, min(number + 32, announced.upload["part_count"] + 1)))
            answer = await client.post(f"/api/v1/videos/{announced.id}/parts", json={"part_numbers": wanted})
            assert answer.status_code == 200, answer.text
            signed |= {part["part_number"]: part["url"] for part in answer.json()["parts"]}
        piece = announced.piece(number)
        assert storage.put_part(signed[number], piece, {"Content-MD5": content_md5(piece)}) == 200


async def upload(
    client: httpx.AsyncClient,
    storage: InMemoryStorage,
    data: bytes = SMALL_VIDEO,
    **announced_as: Any,
) -> dict[str, Any]:
    """Announce, send and complete an upload. Return the video from the response."""
    announced = await announce(client, data, **announced_as)
    await send_parts(client, storage, announced)
    answer = await client.post(f"/api/v1/videos/{announced.id}/complete", json={"parts": announced.part_md5s})
    assert answer.status_code == 200, answer.text
    video: dict[str, Any] = answer.json()
    return video


async def until_settled(client: httpx.AsyncClient, video_id: str) -> dict[str, Any]:
    """Return the video once the app's worker has read it."""
    async with asyncio.timeout(TIMEOUT_SECONDS):
        while True:
            answer = await client.get(f"/api/v1/videos/{video_id}")
            assert answer.status_code == 200, answer.text
            video: dict[str, Any] = answer.json()
            if video["status"] not in ("completing", "processing"):
                return video
            await asyncio.sleep(0.01)
