"""Routes for health checks."""

from fastapi import APIRouter

from app.api.deps import ReadinessDep
from app.api.responses import errors
from app.schemas.health import HealthOut

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
@router.head("/live", include_in_schema=False)
async def live() -> HealthOut:
    """Answer while the process runs."""
    return HealthOut(status="ok")


@router.get("/ready", responses=errors())
@router.head("/ready", include_in_schema=False)
async def ready(readiness: ReadinessDep) -> HealthOut:
    """If the database or the store is unavailable, answer 503 with its code. The answer may be a second old."""
    await readiness.check()
    return HealthOut(status="ok")
