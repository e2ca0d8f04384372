"""The web app: its layers, its routes, the built page; and how a server runs it."""

import hmac

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sqlalchemy.exc import OperationalError
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api import errors
from app.api.main import api_router
from app.api.middleware import BodyLimit, RequestContext
from app.api.page import Page
from app.bootstrap import Application
from app.core.schema import SchemaOutdated, cannot_open
from app.domain.errors import DatabaseUnavailable, NotAuthenticated
from app.embedded import StoreNotStarted
from app.services.sweep.bucket import WrongBucket


def serve(application: Application) -> ASGIApp:
    """What a server runs: the app over `parts`, which are started and stopped with it."""
    return Running(create_app(application), application)


class Running:
    """Starts the parts with the server and stops them with it; says in one sentence why that cannot be."""

    def __init__(self, app: ASGIApp, application: Application) -> None:
        self._app = app
        self._application = application

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            await self._app(scope, receive, send)
            return
        await receive()
        try:
            async with self._application.running():
                await send({"type": "lifespan.startup.complete"})
                await receive()
        # An operator's matter, not a programmer's: no traceback.
        except (SchemaOutdated, StoreNotStarted, WrongBucket, DatabaseUnavailable) as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
        except OperationalError as error:
            await send({"type": "lifespan.startup.failed", "message": cannot_open(error)})
        else:
            await send({"type": "lifespan.shutdown.complete"})


def create_app(application: Application) -> FastAPI:
    """The app over `parts`, which somebody else starts and stops."""
    settings = application.settings
    app = FastAPI(
        title="Slipway",
        version="1",
        description="Video upload straight to S3: the bytes go from the browser to the store.",
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        docs_url=None,  # Swagger UI loads its scripts from elsewhere, which our policy refuses
        redoc_url=None,
        openapi_url="/api/v1/openapi.json" if settings.is_local else None,
    )
    app.state.application = application
    errors.install(app)
    # Last added is outermost.
    app.add_middleware(BodyLimit)
    app.add_middleware(RequestContext)
    app.include_router(api_router)
    app.add_api_route("/metrics", _metrics, methods=["GET"], include_in_schema=False)
    if settings.page_dir.is_dir():
        # What no route knows, as the router's default: a mount at "/" would also take the API's wrong methods.
        app.router.default = Page(settings.page_dir, application.store_origins)
    return app


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}-{route.name}" if route.tags else route.name


async def _metrics(request: Request) -> Response:
    """Prometheus' text format; with METRICS_TOKEN only for its bearer."""
    expected = request.app.state.application.settings.metrics_token.get_secret_value()
    given = request.headers.get("authorization", "")
    if expected and not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
        raise NotAuthenticated
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
