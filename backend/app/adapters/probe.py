"""The MediaProbe port: mediaprobe in a thread, reading the object through the ObjectStorage port."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

import mediaprobe
from app.domain.errors import StorageUnavailable
from app.ports import MetadataOutOfBudget, ObjectChanged, ObjectStorage, VerdictOnBytes, VideoMetadata

_READ_SECONDS = 15.0
"""Longer than any storage call's own limit; only a loop that has stopped lets it run out."""


class StoredObjectProbe:
    def __init__(self, storage: ObjectStorage, threads: int) -> None:
        self._storage = storage
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="probe")

    async def probe(self, object_key: str, etag: str) -> VideoMetadata:
        loop = asyncio.get_running_loop()
        source = _StoredObjectSource(self._storage, object_key, etag, loop)
        try:
            found = await loop.run_in_executor(self._pool, mediaprobe.probe, source)
        except mediaprobe.BudgetExceeded as error:
            raise MetadataOutOfBudget(error.container) from error
        except mediaprobe.SourceChanged as error:
            raise ObjectChanged from error
        except mediaprobe.ProbeError as error:
            raise VerdictOnBytes(error.code, error.detail) from error
        except TimeoutError as error:
            raise StorageUnavailable from error
        return VideoMetadata(
            container=found.container,
            duration_ms=found.duration_ms,
            width=found.width,
            height=found.height,
            rotation=found.rotation,
            video_codec=found.video_codec,
            audio_codec=found.audio_codec,
            frame_rate=found.frame_rate,
            bit_rate=found.bit_rate,
            hdr=found.hdr,
            metadata_complete=found.metadata_complete,
        )


class _StoredObjectSource:
    """mediaprobe's RangeSource: each read goes from the probe's thread to the event loop and back."""

    def __init__(
        self, storage: ObjectStorage, object_key: str, etag: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._storage = storage
        self._object_key = object_key
        self._etag = etag
        self._loop = loop

    def read_range(self, start: int, length: int, _etag: str | None) -> mediaprobe.RangeAnswer:
        # Always the ETag that completion recorded: metadata of another object would be a lie.
        reading = self._storage.read_range(self._object_key, start, length, self._etag or None)
        piece = asyncio.run_coroutine_threadsafe(reading, self._loop).result(_READ_SECONDS)
        return mediaprobe.RangeAnswer(piece.data, piece.total_bytes, piece.etag)
