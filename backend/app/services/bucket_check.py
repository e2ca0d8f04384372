"""Whether the bucket is this database's: asked once by each process, before it acts on what the bucket holds."""

from app.core.db import Database
from app.crud import installation
from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import MarkerState
from app.ports import ObjectStorage
from app.services.bucket_marker import MARKER_KEY, BucketMarker

_WHOSE = {
    MarkerState.FOREIGN: "belongs to another database: its object {marker} does not name this one",
    MarkerState.ABSENT: "is not the one this database has marked as its own: it has no object {marker}",
}


class WrongBucket(Exception):
    """In it every video would look lost. Says in a sentence what to do."""

    def __init__(self, bucket: str, marker: MarkerState) -> None:
        super().__init__(
            f"S3_BUCKET: the bucket {bucket} {_WHOSE[marker].format(marker=MARKER_KEY)}. Nothing was changed. "
            "Mend S3_BUCKET or DATABASE_URL. If both are right, `slipway sweep --dry-run` says how bucket and "
            "database differ, and `slipway sweep --adopt` makes the bucket this database's."
        )


class BucketCheck:
    def __init__(self, database: Database, storage: ObjectStorage, bucket: str) -> None:
        self._database = database
        self._marker = BucketMarker(storage)
        self._bucket = bucket
        self._is_in_doubt = False

    async def confirm(self) -> None:
        """Raises WrongBucket; StorageUnavailable, Overloaded, DatabaseUnavailable when nobody can tell yet."""
        self._is_in_doubt = True
        # A second look: another process may have named the database or written the marker during the first.
        wrong = await self._contradiction() and await self._contradiction()
        if wrong:
            raise WrongBucket(self._bucket, wrong)
        self._is_in_doubt = False

    def require_no_doubt(self) -> None:
        """While it is asked whose bucket this is, the store counts as away: raises StorageUnavailable."""
        if self._is_in_doubt:
            raise StorageUnavailable

    async def _contradiction(self) -> MarkerState | None:
        """What the marker says against this bucket, if anything. A new database may still mark one without."""
        async with self._database.reading() as session:
            row = await installation.get(session)
        marker = await self._marker.state(row.database_id if row else None)
        is_new = row is None or row.bucket_marked_at is None
        fits = marker is MarkerState.OURS or (marker is MarkerState.ABSENT and is_new)
        return None if fits else marker
