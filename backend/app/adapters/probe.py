"""Implement the MediaProbe port. mediaprobe runs in a thread and reads the object through the ObjectStorage port."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import mediaprobe
from app.domain.errors import StorageUnavailable
from app.ports import ObjectChanged, ObjectStorage

_READ_SECONDS = 15.0
"""Longer than the time limit of any storage call. It ends only if the event loop has stopped."""


class StoredObjectProbe:
    def __init__(self, storage: ObjectStorage, threads: int) -> None:
        self._storage = storage
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="probe")

    async def probe(self, object_key: str, etag: str) -> mediaprobe.Metadata:
        loop = asyncio.get_running_loop()
        source = _StoredObjectSource(self._storage, object_key, etag, loop)
        try:
            return await loop.run_in_executor(self._pool, mediaprobe.probe, source)
        except mediaprobe.SourceChanged as error:
            raise ObjectChanged from error
        except TimeoutError as error:
            raise StorageUnavailable from error


@dataclass
class _StoredObjectSource:
    """Implement mediaprobe's RangeSource. Each read goes from the probe's thread to the event loop and back."""

    storage: ObjectStorage
    object_key: str
    etag: str
    loop: asyncio.AbstractEventLoop

    def read_range(self, start: int, length: int, _etag: str | None) -> mediaprobe.RangeAnswer:
        # The ETag of the completion ensures that the metadata belongs to this object.
        reading = self.storage.read_range(self.object_key, start, length, self.etag or None)
        piece = asyncio.run_coroutine_threadsafe(reading, self.loop).result(_READ_SECONDS)
        return mediaprobe.RangeAnswer(piece.data, piece.total_bytes, piece.etag)
