"""Routes for health checks."""

import asyncio

from fastapi import APIRouter

from app.api.deps import BucketDep, DatabaseDep
from app.api.responses import errors
from app.core.storage_causes import cause_of
from app.domain.errors import StorageUnavailable
from app.schemas.health import HealthOut
from app.services.sweep.bucket import BucketCheck

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> HealthOut:
    """Answer while the process runs."""
    return HealthOut(status="ok")


@router.get("/ready", responses=errors())
async def ready(database: DatabaseDep, bucket: BucketDep) -> HealthOut:
    """If the database or the store is unavailable, answer 503 with its code."""
    # Wait for both, because an abandoned check would still use a connection.
    for outcome in await asyncio.gather(database.check(), _check_store(bucket), return_exceptions=True):
        if outcome is not None:
            raise outcome
    return HealthOut(status="ok")


async def _check_store(bucket: BucketCheck) -> None:
    try:
        bucket.require_confirmed()
        await bucket.storage.check()
    except StorageUnavailable as error:
        raise StorageUnavailable(f"The video storage is not answering. {cause_of(error)}") from error
