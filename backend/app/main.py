"""The web app with its middleware, its routes and the built page."""

import hmac
from collections.abc import Collection
from urllib.parse import urlsplit

from fastapi import FastAPI, Request
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.responses import Response

from app.api import errors
from app.api.main import api_router
from app.api.middleware import BodyLimit, RequestContext
from app.api.page import Page
from app.api.public_path import PublicPath
from app.bootstrap import Application
from app.core.origins import normalised_host
from app.domain.errors import NotAuthenticated


def create_app(application: Application) -> FastAPI:
    """Return the app. `runtime.running` starts what it needs."""
    settings = application.settings
    app = FastAPI(
        title="Slipway",
        version="1",
        description="Video upload straight to S3: the bytes go from the browser to the store.",
        generate_unique_id_function=_operation_id,
        redirect_slashes=False,
        docs_url=None,  # our Content-Security-Policy refuses Swagger UI's remote scripts
        redoc_url=None,
        openapi_url="/api/v1/openapi.json" if settings.is_local else None,
    )
    app.state.application = application
    errors.install(app)
    app.include_router(api_router)
    app.add_api_route("/metrics", _metrics, methods=["GET"], include_in_schema=False)
    page_files: Collection[str] = ()
    if settings.page_dir.is_dir():
        page = Page(settings.page_dir, application.store_origins, settings.public_path)
        page_files = page.files
        # As the default, because a mount at "/" would also answer wrong methods on API paths.
        app.router.default = page
    # Last added is outermost.
    app.add_middleware(BodyLimit)
    if settings.public_path:
        app.add_middleware(PublicPath, public_path=settings.public_path, page_files=page_files)
    # Behind a proxy, the request may name the app's own host.
    hosts = [normalised_host(urlsplit(origin).hostname or "") for origin in settings.app_origins]
    app.add_middleware(RequestContext, known_hosts=hosts)
    return app


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}-{route.name}" if route.tags else route.name


async def _metrics(request: Request) -> Response:
    """Answer in Prometheus' text format. METRICS_TOKEN, if set, is required as bearer token."""
    expected = request.app.state.application.settings.metrics_token.get_secret_value()
    given = request.headers.get("authorization", "")
    if expected and not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
        raise NotAuthenticated
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
