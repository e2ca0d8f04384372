"""Routes for health checks."""

from dataclasses import asdict

from fastapi import APIRouter

from app.api.deps import ReadinessDep
from app.api.responses import errors
from app.core import version
from app.schemas.health import HealthOut, LiveOut

router = APIRouter(prefix="/health", tags=["health"])


@router.get("/live")
@router.head("/live", include_in_schema=False)
async def live() -> LiveOut:
    """Answer while the process runs, and say what it runs."""
    return LiveOut(status="ok", **asdict(version.running()))


@router.get("/ready", responses=errors())
@router.head("/ready", include_in_schema=False)
async def ready(readiness: ReadinessDep) -> HealthOut:
    """If the database or the store is unavailable, answer 503 with its code. The answer may be a second old."""
    await readiness.check()
    return HealthOut(status="ok")
