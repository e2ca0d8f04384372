"""The object in the bucket that names the database it belongs to: a wrong or restored one must destroy nothing."""

import json
import uuid

import structlog

from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import MarkerState
from app.ports import NoSuchObject, ObjectExists, ObjectStorage

log = structlog.get_logger()

MARKER_KEY = "slipway/database.json"
"""Outside `videos/`, which a sweep lists."""
_MOST_BYTES = 1024


class BucketMarker:
    def __init__(self, storage: ObjectStorage) -> None:
        self._storage = storage

    async def state(self, database_id: uuid.UUID | None) -> MarkerState:
        """Whose bucket this is, for a database of this name (None: it has no name yet).

        Raises StorageUnavailable, also where the bucket itself is missing.
        """
        try:
            found = await self._storage.read_range(MARKER_KEY, 0, _MOST_BYTES, None)
        except NoSuchObject:
            return MarkerState.ABSENT
        except StorageUnavailable:
            # An empty object has no bytes to ask for: the store says no.
            if await self._is_empty():
                return MarkerState.FOREIGN
            raise
        named = _named(found.data)
        # What we cannot read may be anybody's.
        return MarkerState.OURS if named and named == database_id else MarkerState.FOREIGN

    async def _is_empty(self) -> bool:
        try:
            return (await self._storage.head(MARKER_KEY)).size_bytes == 0
        except NoSuchObject:
            return False

    async def write(self, database_id: uuid.UUID, *, only_if_new: bool) -> MarkerState:
        """Writes the marker and reads it back: of two databases that write at once, one finds the other's."""
        body = json.dumps({"database_id": str(database_id)}).encode()
        try:
            await self._storage.put(MARKER_KEY, body, "application/json", only_if_new=only_if_new)
        except ObjectExists:
            return await self.state(database_id)
        state = await self.state(database_id)
        if state is MarkerState.ABSENT:
            raise StorageUnavailable  # written and not there: nothing this store says now is to be acted on
        if state is MarkerState.OURS:
            log.info("sweep.bucket_adopted", database_id=str(database_id))
            return MarkerState.ADOPTED
        return state


def _named(data: bytes) -> uuid.UUID | None:
    try:
        return uuid.UUID(json.loads(data)["database_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
