"""Ask the operator's scanner about a file before its video becomes ready."""

import asyncio
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta

import structlog

from app.core.db import Database
from app.core.metrics import SCAN_SECONDS
from app.crud import leases
from app.domain.errors import Unavailable
from app.models import Video
from app.ports import Clock, FileToScan, ObjectStorage, Scanner, ScannerUnavailable, ScanVerdict
from app.services.lease_renewal import renewed

log = structlog.get_logger()

SCAN_LEASE = timedelta(seconds=60)
LEASE_RENEWAL_SECONDS = 20.0


class _LeaseLost(ScannerUnavailable):
    def __init__(self) -> None:
        super().__init__("the video was deleted, or another worker scans it")


@dataclass
class Scanning:
    database: Database
    storage: ObjectStorage
    clock: Clock
    scanner: Scanner
    limit_seconds: int
    """How long a scan may take. The URL that the scanner gets ends then too."""

    async def scan(self, video: Video, owner: uuid.UUID) -> ScanVerdict:
        """Scan the object and renew the lease meanwhile. Raise ScannerUnavailable, StorageUnavailable."""
        url = self.storage.presign_get(video.object_key, self.clock.now(), self.limit_seconds)
        file = FileToScan(video.id, url, video.size_bytes, video.content_type)
        began = time.perf_counter()
        outcome = "unavailable"
        try:
            verdict = await self._scan_within_limit(file, owner)
            outcome = verdict.verdict
            return verdict
        except (_LeaseLost, asyncio.CancelledError):
            outcome = "interrupted"
            raise
        finally:
            SCAN_SECONDS.labels(outcome=outcome).observe(time.perf_counter() - began)

    async def _scan_within_limit(self, file: FileToScan, owner: uuid.UUID) -> ScanVerdict:
        is_ours = True
        try:
            async with asyncio.timeout(self.limit_seconds) as limit:

                async def renew() -> None:
                    nonlocal is_ours
                    is_ours = await self._extend_lease(file.video_id, owner)
                    if not is_ours:
                        limit.reschedule(0)

                await renew()
                async with renewed(renew, LEASE_RENEWAL_SECONDS):
                    return await self.scanner.scan(file)
        except TimeoutError as error:
            if not is_ours:
                raise _LeaseLost from error
            raise ScannerUnavailable(f"no verdict within {self.limit_seconds} s") from error

    async def _extend_lease(self, video_id: uuid.UUID, owner: uuid.UUID) -> bool:
        """Return False if the lease is lost. Without the database it may still be ours."""
        try:
            async with self.database.transaction() as session:
                until = self.clock.now() + SCAN_LEASE
                return await leases.extend_probe(session, video_id, owner, until)
        except Unavailable:
            log.warning("scan.lease_not_renewed", video_id=str(video_id))
            return True
