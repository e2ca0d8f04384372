"""Define the tables. SQLModel tables do not validate, so the rules are in domain/ and schemas/."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Enum, Index, Text, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.core.db import UtcDateTime
from app.domain.email_address import MAX_EMAIL_CHARACTERS
from app.domain.part_plan import PartPlan
from app.domain.video_status import HIDDEN, VideoStatus

# The overloads of SQLModel's `Field` do not accept a TypeDecorator class as sa_type.
_UTC: Any = UtcDateTime
# A text column with the values works alike on both databases, and a new status needs no ALTER TYPE.
_STATUS: Any = Enum(VideoStatus, native_enum=False, length=16, values_callable=lambda states: list(states))

_JSON: Any = JSON(none_as_null=True)
# Bytes decide, so that both databases sort alike.
_BYTEWISE: Any = Text().with_variant(Text(collation="C"), "postgresql")

IS_WITHOUT_NAME_KEY = text("name_key = ''")
"""Of rows of the previous version. Written out, because a parameter would not find the index with this condition."""
_IS_REMOVED = text("remove_at IS NOT NULL")

# Constraints need names, because SQLite rebuilds tables by them.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class User(SQLModel, table=True):
    __tablename__ = "users"

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    email: str = Field(max_length=MAX_EMAIL_CHARACTERS)
    email_key: str = Field(max_length=MAX_EMAIL_CHARACTERS, unique=True)
    """The address in the form that accounts are compared by."""
    full_name: str | None = Field(default=None, max_length=200)
    password_hash: str = Field(max_length=255, repr=False)
    is_active: bool
    reserved_bytes: int = Field(sa_type=BigInteger)
    """The sum of the videos' reserved_bytes, so that one guarded UPDATE can check the quota."""
    quota_bytes: int | None = Field(default=None, sa_type=BigInteger)
    """A quota of its own. Null means USER_QUOTA_BYTES."""
    deleted_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When its owner or the operator deleted the account. The row goes once the store has confirmed that its videos are
    gone."""
    created_at: datetime = Field(sa_type=_UTC)

    def quota(self, usual: int) -> int:
        """Return the most that reserved_bytes may reach by new uploads. `usual` is USER_QUOTA_BYTES."""
        return usual if self.quota_bytes is None else self.quota_bytes


class Session(SQLModel, table=True):
    """A sign-in. Only its owner has the token."""

    __tablename__ = "sessions"

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    user_id: uuid.UUID = Field(foreign_key="users.id", index=True, ondelete="CASCADE")
    token_hash: str = Field(max_length=64, unique=True)
    kind: str = Field(max_length=16)
    """`cookie` or `bearer`."""
    user_agent: str | None = Field(default=None, max_length=200)
    address: str | None = Field(default=None, max_length=64)
    """Where it was last used, as limits count addresses. Null if the client has none or an earlier version began it."""
    created_at: datetime = Field(sa_type=_UTC)
    last_seen_at: datetime = Field(sa_type=_UTC)
    """The last use that was stored. `address` is of the same one."""
    expires_at: datetime = Field(sa_type=_UTC)
    """The absolute end. The idle end follows from last_seen_at."""


class Video(SQLModel, table=True):
    __tablename__ = "videos"
    __table_args__ = (
        UniqueConstraint("user_id", "idempotency_key"),
        Index("ix_videos_user_id_created_at_id", "user_id", "created_at", "id"),
        Index("ix_videos_user_id_changed_at", "user_id", "changed_at"),
        Index("ix_videos_user_id_size_bytes_id", "user_id", "size_bytes", "id"),
        Index("ix_videos_user_id_duration_ms_id", "user_id", "duration_ms", "id"),
        # It has every column that a search reads.
        Index(
            "ix_videos_user_id_name_key_id_status_remove_at",
            *("user_id", "name_key", "id", "status", "remove_at"),
        ),
        # It has every column that a count reads.
        Index("ix_videos_user_id_status_remove_at", "user_id", "status", "remove_at"),
        Index(
            "ix_videos_without_name_key",
            "id",
            sqlite_where=IS_WITHOUT_NAME_KEY,
            postgresql_where=IS_WITHOUT_NAME_KEY,
        ),
        Index("ix_videos_remove_at", "remove_at", sqlite_where=_IS_REMOVED, postgresql_where=_IS_REMOVED),
        Index("ix_videos_status_due_at", "status", "due_at"),
        Index("ix_videos_status_audit_due_at", "status", "audit_due_at"),
    )

    id: uuid.UUID = Field(default_factory=uuid.uuid4, primary_key=True)
    user_id: uuid.UUID = Field(foreign_key="users.id")
    idempotency_key: uuid.UUID | None = None

    original_filename: str = Field(max_length=255)
    name_key: str = Field(sa_type=_BYTEWISE, sa_column_kwargs={"server_default": ""})
    """The name in the form that lists are sorted and searched by. Empty if the previous version wrote it."""
    content_type: str = Field(max_length=64)
    declared_container: str = Field(max_length=8)
    size_bytes: int = Field(sa_type=BigInteger)
    part_size_bytes: int

    object_key: str = Field(max_length=255, unique=True)
    upload_id: str | None = Field(default=None, max_length=1024)
    etags_are_md5: bool
    """Whether part ETags are MD5s, from the answer to CreateMultipartUpload."""
    object_token: str = Field(max_length=64)
    """Random. The object has it as metadata, which distinguishes it from another object at the key."""
    etag: str | None = Field(default=None, max_length=128)
    """Of the assembled object, with the quotes that the store sent."""

    status: VideoStatus = Field(sa_type=_STATUS)
    status_code: str | None = Field(default=None, max_length=64)
    status_detail: str | None = Field(default=None, max_length=500)

    lease_owner: uuid.UUID | None = None
    """The completion or probe that alone may work on this row until lease_until."""
    lease_until: datetime | None = Field(default=None, sa_type=_UTC)
    part_md5s: dict[str, str] | None = Field(default=None, sa_type=_JSON, sa_column_kwargs={"name": "proof"})
    """While `completing`, the MD5s that the browser computed, by part number. The column keeps the name of migration
    0005, so that instances of the previous version can still run."""
    remove_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When a video that its owner removed will be deleted, unless they restore it. Null if it is not removed."""
    due_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When the probe, the expiry or the next step of the removal is due."""
    attempts: int
    """Probes that began and neither ended nor were returned. Each is a crash."""
    postponed: int
    """How often in a row the store or the database prevented the probe."""
    storage_gone_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When the store first confirmed that it has neither upload nor object."""
    reserved_bytes: int = Field(sa_type=BigInteger)
    """The video's share of its owner's quota, and 0 once its storage is gone."""

    container: str | None = Field(default=None, max_length=8)
    duration_ms: int | None = Field(default=None, sa_type=BigInteger)
    width: int | None = None
    height: int | None = None
    rotation: int | None = None
    mirrored: bool | None = None
    crop: str | None = Field(default=None, max_length=32)
    video_codec: str | None = Field(default=None, max_length=32)
    audio_codec: str | None = Field(default=None, max_length=32)
    audio_channels: int | None = None
    frame_rate: float | None = None
    bit_rate: int | None = Field(default=None, sa_type=BigInteger)
    hdr: str | None = Field(default=None, max_length=8)
    dolby_vision: bool | None = None
    truncated: bool | None = None
    available_percent: int | None = None
    metadata_complete: bool

    created_at: datetime = Field(sa_type=_UTC)
    changed_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When it last changed in a way that its owner sees. Null if that was a process of an earlier version."""
    expires_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When the upload expires if no further part arrives. Null once the object is verified."""
    uploaded_at: datetime | None = Field(default=None, sa_type=_UTC)
    ready_at: datetime | None = Field(default=None, sa_type=_UTC)
    audit_due_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When the audit next checks this ready video's object. Null if it never did."""
    missing_since: datetime | None = Field(default=None, sa_type=_UTC)
    """When the first check found the object missing or replaced.

    Until the video is ready this is the app's clock, then the store's. Null if the last check found the object.
    """

    @property
    def is_hidden(self) -> bool:
        """Whether its owner no longer sees it."""
        return self.status in HIDDEN or self.remove_at is not None

    @property
    def part_plan(self) -> PartPlan:
        return PartPlan(self.size_bytes, self.part_size_bytes)


class Installation(SQLModel, table=True):
    """One row with the database's identity and the sweep's lease. Its times are the database's."""

    __tablename__ = "installation"

    id: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    """Always 1."""
    database_id: uuid.UUID
    """Random. The marker in the bucket contains it."""
    bucket_marked_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When a sweep first found this database's marker in its bucket. Null if it has no bucket yet."""
    sweep_owner: uuid.UUID | None = None
    sweep_lease_until: datetime | None = Field(default=None, sa_type=_UTC)
    sweep_began_at: datetime | None = Field(default=None, sa_type=_UTC)
    sweep_ended_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When the last sweep ended, with whatever outcome. Null if none has."""
    sweep_done_at: datetime | None = Field(default=None, sa_type=_UTC)
    """When a sweep last ended as `done`."""
    sweep_report: str | None = Field(default=None, sa_type=Text)
    """The last sweep's report in JSON, which every process publishes."""


class KnownPlace(SQLModel, table=True):
    """An address that a user signed in from, which strangers' wrong passwords don't keep out."""

    __tablename__ = "known_places"

    user_id: uuid.UUID = Field(foreign_key="users.id", primary_key=True, ondelete="CASCADE")
    place_hash: str = Field(primary_key=True, max_length=64)
    """HMAC-SHA-256 of the address under the user's random ID, so that a look at the table shows no addresses."""
    seen_at: datetime = Field(sa_type=_UTC, index=True)
    """The last sign-in from there."""


class LimitCounter(SQLModel, table=True):
    """What a limit has counted in its window. Only PostgreSQL has rows, and it may forget them in a crash."""

    __tablename__ = "limit_counters"

    key: str = Field(primary_key=True, max_length=64)
    hits: int
    ends_at: datetime = Field(sa_type=_UTC, index=True)
