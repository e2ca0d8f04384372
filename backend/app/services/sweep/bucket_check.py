"""Check that the bucket is this database's, before a process acts on what the bucket contains."""

from app.core.db import Database
from app.crud import installation
from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import MarkerState
from app.ports import ObjectStorage
from app.services.sweep.bucket_marker import MARKER_KEY, BucketMarker

_REASONS = {
    MarkerState.FOREIGN: f"belongs to another database, because its object {MARKER_KEY} does not name this one",
    MarkerState.ABSENT: f"is not the one that this database marked, because it has no object {MARKER_KEY}",
}


class WrongBucket(Exception):
    """In this bucket every video would look lost."""

    def __init__(self, bucket: str, marker: MarkerState) -> None:
        super().__init__(
            f"S3_BUCKET: the bucket {bucket} {_REASONS[marker]}. Nothing was changed. "
            "Correct S3_BUCKET or DATABASE_URL. If both are right, `slipway sweep --dry-run` says how bucket and "
            "database differ, and `slipway sweep --adopt` makes the bucket this database's."
        )


class BucketCheck:
    def __init__(self, database: Database, storage: ObjectStorage, bucket: str) -> None:
        self._database = database
        self._marker = BucketMarker(storage)
        self._bucket = bucket
        self._is_unconfirmed = False

    async def confirm(self) -> None:
        """Raise WrongBucket, or StorageUnavailable, Overloaded or DatabaseUnavailable if no answer was possible."""
        self._is_unconfirmed = True
        # Twice, because another process may name the database or write the marker during the first check.
        wrong = await self._contradiction() and await self._contradiction()
        if wrong:
            raise WrongBucket(self._bucket, wrong)
        self._is_unconfirmed = False

    def require_confirmed(self) -> None:
        """Raise StorageUnavailable while the last `confirm` has not succeeded."""
        if self._is_unconfirmed:
            raise StorageUnavailable

    async def _contradiction(self) -> MarkerState | None:
        """Return the marker's state if it contradicts the database, which may still mark its first bucket."""
        async with self._database.reading() as session:
            row = await installation.get(session)
        marker = await self._marker.state(row.database_id if row else None)
        is_new = row is None or row.bucket_marked_at is None
        matches = marker is MarkerState.OURS or (marker is MarkerState.ABSENT and is_new)
        return None if matches else marker
