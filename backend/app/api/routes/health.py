"""Routes for health checks."""

import asyncio

from fastapi import APIRouter

from app.api.deps import DatabaseDep, StorageDep
from app.api.responses import errors
from app.schemas.health import HealthOut

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
async def live() -> HealthOut:
    """Answer while the process runs."""
    return HealthOut(status="ok")


@router.get("/ready", responses=errors())
async def ready(database: DatabaseDep, storage: StorageDep) -> HealthOut:
    """If the database or the store is unavailable, answer 503 with its code."""
    # Wait for both, because an abandoned check would still use a connection.
    for outcome in await asyncio.gather(database.check(), storage.check(), return_exceptions=True):
        if outcome is not None:
            raise outcome
    return HealthOut(status="ok")
