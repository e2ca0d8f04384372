"""Read and write the object in the bucket that names the database it belongs to."""

import json
import uuid
from dataclasses import dataclass

import structlog

from app.domain.errors import StorageUnavailable
from app.domain.sweep_report import MarkerState
from app.ports import NoSuchObject, ObjectExists, ObjectStorage

log = structlog.get_logger()

MARKER_KEY = "slipway/database.json"
"""Outside `videos/`, which a sweep lists."""
_MAX_BYTES = 1024


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
            if await self._is_empty():
                return MarkerState.FOREIGN
            raise
        named = _database_id_in(found.data)
        return MarkerState.OURS if named and named == database_id else MarkerState.FOREIGN

    async def _is_empty(self) -> bool:
        try:
            return (await self.storage.head(MARKER_KEY)).size_bytes == 0
        except NoSuchObject:
            return False

    async def write(self, database_id: uuid.UUID, *, only_if_new: bool) -> MarkerState:
        """Write the marker and read it back, because another database may write its own at the same time."""
        body = json.dumps({"database_id": str(database_id)}).encode()
        try:
            await self.storage.put(MARKER_KEY, body, "application/json", only_if_new=only_if_new)
        except ObjectExists:
            return await self.state(database_id)
        state = await self.state(database_id)
        if state is MarkerState.ABSENT:
            raise StorageUnavailable  # A store that loses what it accepted is not to be trusted now.
        if state is MarkerState.OURS:
            log.info("sweep.bucket_adopted", database_id=str(database_id))
            return MarkerState.ADOPTED
        return state


def _database_id_in(data: bytes) -> uuid.UUID | None:
    try:
        return uuid.UUID(json.loads(data)["database_id"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
