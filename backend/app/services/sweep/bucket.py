"""Tell whose bucket this is, by an object in it that names the database it belongs to."""

import json
import uuid
from contextlib import suppress
from dataclasses import dataclass

import structlog

from app.core.db import Database
from app.core.operator_errors import OperatorError
from app.core.storage_causes import BucketRefused, KnownCause, is_refusal, is_server_error
from app.crud import installation
from app.domain.errors import StorageUnavailable, Unavailable
from app.domain.sweep_report import MarkerState
from app.ports import NoSuchObject, ObjectExists, ObjectStorage, Versions

log = structlog.get_logger()

MARKER_KEY = "slipway/database.json"
"""Outside `videos/`, which a sweep lists."""
_MAX_BYTES = 1024
_REASONS = {
    MarkerState.FOREIGN: f"belongs to another database, because its object {MARKER_KEY} does not name this one",
    MarkerState.ABSENT: f"is not the one that this database marked, because it has no object {MARKER_KEY}",
}


class WrongBucket(OperatorError):
    """In this bucket every video would look lost."""

    def __init__(self, bucket: str, marker: MarkerState) -> None:
        super().__init__(
            f"S3_BUCKET: the bucket {bucket} {_REASONS[marker]}. Nothing was changed. "
            "Correct S3_BUCKET or DATABASE_URL. If both are right, `slipway sweep --dry-run` says how bucket and "
            "database differ, and `slipway sweep --adopt` makes the bucket this database's."
        )


class LockedBucket(WrongBucket):
    """In this bucket nothing could be deleted."""

    def __init__(self, bucket: str) -> None:
        OperatorError.__init__(
            self,
            f"S3_BUCKET: the bucket {bucket} has object lock, so deleted videos would stay in it. "
            "Use a bucket without object lock.",
        )


VERSIONS_SENTENCES = {
    Versions.NONE: "The bucket keeps no versions.",
    Versions.REMOVED: "The bucket keeps versions. Slipway deletes those of its videos.",
    Versions.KEPT: (
        "The bucket keeps versions, and the store refuses to list or delete them. Deleted videos still fill it and "
        "count against the quota. Grant s3:ListBucketVersions and s3:DeleteObjectVersion."
    ),
    Versions.LOCKED: "The bucket has object lock, so Slipway does not start with it.",
    Versions.UNKNOWN: (
        "The store does not say whether the bucket keeps versions. Grant s3:GetBucketVersioning, or look yourself."
    ),
}


@dataclass(frozen=True)
class BucketMarker:
    storage: ObjectStorage

    async def state(self, database_id: uuid.UUID | None) -> MarkerState:
        """Return whose bucket this is. None stands for a database without an ID yet.

        Raises StorageUnavailable, also if the bucket does not exist.
        """
        try:
            found = await self.storage.read_range(MARKER_KEY, 0, _MAX_BYTES, None)
        except NoSuchObject:
            return MarkerState.ABSENT
        except StorageUnavailable:
            # An empty object has no range, so the store returns an error.
            with suppress(NoSuchObject):
                if (await self.storage.head(MARKER_KEY)).size_bytes == 0:
                    return MarkerState.FOREIGN
            raise
        named = _database_id_in(found.data)
        return MarkerState.OURS if named and named == database_id else MarkerState.FOREIGN

    async def write(self, database_id: uuid.UUID, *, only_if_new: bool) -> MarkerState:
        """Write the marker and read it back, because another database may write its own at the same time."""
        body = json.dumps({"database_id": str(database_id)}).encode()
        try:
            await self.storage.put(MARKER_KEY, body, "application/json", only_if_new=only_if_new)
        except ObjectExists:
            return await self.state(database_id)
        state = await self.state(database_id)
        if state is MarkerState.ABSENT:
            # Do not trust a store that lost what it accepted.
            raise StorageUnavailable from KnownCause("The store does not show the object that it just took.")
        if state is MarkerState.OURS:
            log.info("sweep.bucket_adopted", database_id=str(database_id))
            return MarkerState.ADOPTED
        return state


def _database_id_in(data: bytes) -> uuid.UUID | None:
    try:
        return uuid.UUID(json.loads(data)["database_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


@dataclass
class BucketCheck:
    """Each process checks the bucket before it acts on what the bucket contains."""

    database: Database
    storage: ObjectStorage
    bucket: str
    is_unconfirmed: bool = False
    are_versions_known: bool = False
    failure: Unavailable | BucketRefused | None = None
    """Why the last `confirm` that has ended did not succeed."""

    async def confirm(self) -> None:
        """Raise WrongBucket, or StorageUnavailable, Overloaded or DatabaseUnavailable if there is no answer."""
        self.is_unconfirmed = True
        try:
            await self._check()
            # Twice, because another process may name the database or write the marker during the first check.
            if await self._contradiction() and (wrong := await self._contradiction()):
                raise WrongBucket(self.bucket, wrong)
            if not self.are_versions_known:
                await self.check_versions()
        except Unavailable as error:
            self.failure = error
            raise
        except WrongBucket:
            self.failure = BucketRefused()
            raise
        self.is_unconfirmed = False

    async def _check(self) -> None:
        """Let the adapter find the bucket's region. The right to do that is not needed for the marker."""
        try:
            await self.storage.check()
        except StorageUnavailable as error:
            cause = error.__cause__
            if not is_refusal(cause) or is_server_error(cause):
                raise

    async def check_versions(self) -> None:
        """Raise LockedBucket, or StorageUnavailable if there is no answer."""
        versions = await self.storage.versions()
        if versions is Versions.LOCKED:
            raise LockedBucket(self.bucket)
        if versions in (Versions.KEPT, Versions.UNKNOWN):
            log.warning("bucket.versions_kept", versions=versions.value, reason=VERSIONS_SENTENCES[versions])
        self.are_versions_known = True

    def require_confirmed(self) -> None:
        """Raise StorageUnavailable while the last `confirm` has not succeeded."""
        if self.is_unconfirmed:
            raise StorageUnavailable from self.failure

    async def _contradiction(self) -> MarkerState | None:
        """Return the marker's state if it contradicts the database, which may still mark its first bucket."""
        async with self.database.reading() as session:
            row = await installation.get(session)
        marker = await BucketMarker(self.storage).state(row.database_id if row else None)
        is_new = row is None or row.bucket_marked_at is None
        matches = marker is MarkerState.OURS or (marker is MarkerState.ABSENT and is_new)
        return None if matches else marker
