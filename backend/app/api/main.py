"""All routes under /api/v1."""

from fastapi import APIRouter

from app.api.routes import auth, health, videos

api_router = APIRouter(prefix="/api/v1")
api_router.include_router(auth.router)
api_router.include_router(videos.router)
api_router.include_router(health.router)

health_router = APIRouter(prefix="/api/v1")
health_router.include_router(health.router)
