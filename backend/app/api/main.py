"""All routes under /api/v1."""

from fastapi import APIRouter
from fastapi.routing import APIRoute

from app.api.routes import auth, health, videos


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}-{route.name}" if route.tags else route.name


api_router = APIRouter(prefix="/api/v1", generate_unique_id_function=_operation_id)
api_router.include_router(auth.router)
api_router.include_router(videos.router)
api_router.include_router(health.router)

health_router = APIRouter(prefix="/api/v1")
health_router.include_router(health.router)
