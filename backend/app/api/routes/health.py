"""Whether the process lives, and whether it can do its work."""

import asyncio

from fastapi import APIRouter

from app.api.deps import DatabaseDep, StorageDep
from app.api.responses import errors
from app.schemas.health import HealthOut

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live", response_model=HealthOut)
async def live() -> HealthOut:
    """The process answers."""
    return HealthOut(status="ok")


@router.get("/ready", response_model=HealthOut, responses=errors())
async def ready(database: DatabaseDep, storage: StorageDep) -> HealthOut:
    """Database and store answer; else 503 whose code names the part that does not."""
    # Both to their end: a check left behind would go on holding a connection.
    for outcome in await asyncio.gather(database.check(), storage.check(), return_exceptions=True):
        if outcome is not None:
            raise outcome
    return HealthOut(status="ok")
