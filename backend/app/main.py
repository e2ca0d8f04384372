"""The web app with its middleware, its routes and the built page."""

import hmac
from collections.abc import Collection

from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from app.api import errors
from app.api.deps import cookie_name
from app.api.forwarded import Forwarded
from app.api.main import api_router, health_router
from app.api.middleware import BodyLimit, RequestContext
from app.api.own_cookie import OwnCookie
from app.api.page import Page
from app.api.public_path import PublicPath
from app.api.routes import forms
from app.bootstrap import Application
from app.core.client_address import TrustedProxies
from app.core.origins import is_loopback
from app.domain.errors import NotAuthenticated


def create_app(application: Application) -> FastAPI:
    """Return the app. `runtime.running` starts what it needs."""
    settings = application.settings
    app = FastAPI(
        title="Slipway",
        version="1",
        description="Video upload straight to S3: the bytes go from the browser to the store.",
        # `include_router` would build every route's models again for each app of a process, as tests have many.
        routes=api_router.routes,
        redirect_slashes=False,
        docs_url=None,  # our Content-Security-Policy refuses Swagger UI's remote scripts
        redoc_url=None,
        openapi_url=None,
    )
    app.state.application = application
    errors.install(app)
    app.add_api_route("/metrics", _metrics, methods=["GET"], include_in_schema=False)
    if settings.is_for_this_machine:
        app.add_api_route("/api/v1/openapi.json", _openapi, methods=["GET"], include_in_schema=False)
    page_files: Collection[str] = ()
    if settings.page_dir.is_dir():
        page = Page(settings.page_dir, application.store_origins, settings.public_path)
        page_files = page.files
        app.include_router(forms.router)
        # Without these the router would refuse every method but POST at the forms' addresses.
        app.router.routes.extend(Route(path, page, methods=["GET", "HEAD"]) for path in forms.ADDRESSES)
        # As the default, because a mount at "/" would also answer wrong methods on API paths.
        app.router.default = page
    # Last added is outermost.
    app.add_middleware(BodyLimit)
    app.add_middleware(OwnCookie, name=cookie_name(settings))
    if settings.public_path:
        app.add_middleware(PublicPath, public_path=settings.public_path, page_files=page_files)
    app.add_middleware(RequestContext, known_hosts=settings.store_hosts, is_https=settings.cookies_are_secure)
    app.add_middleware(Forwarded, proxies=TrustedProxies(settings.trusted_proxies))
    return app


def create_health_app(application: Application) -> FastAPI:
    """Return an app of health checks and metrics alone, for a process that has no API."""
    settings = application.settings
    app = FastAPI(redirect_slashes=False, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.application = application
    errors.install(app)
    app.include_router(health_router)
    app.add_api_route("/metrics", _metrics, methods=["GET"])
    app.add_middleware(BodyLimit)
    app.add_middleware(OwnCookie, name=cookie_name(settings))
    app.add_middleware(RequestContext, is_https=settings.cookies_are_secure)
    app.add_middleware(Forwarded, proxies=TrustedProxies(settings.trusted_proxies))
    return app


_OF_PROXIES = ("forwarded", "via", "x-real-ip")


def _is_from_this_machine(request: Request) -> bool:
    """Return whether a program on this machine asks, and no proxy or page for somebody else.

    A page elsewhere can have its name resolve to this machine (DNS rebinding), but not choose another `Host`.
    """
    if not request.app.state.application.settings.is_for_this_machine:
        return False
    was_forwarded = any(name in _OF_PROXIES or name.startswith("x-forwarded-") for name in request.headers)
    hosts = (request.client.host if request.client else "", request.url.hostname or "")
    return not was_forwarded and all(map(is_loopback, hosts))


async def _openapi(request: Request) -> Response:
    if not _is_from_this_machine(request):
        raise HTTPException(404)
    return JSONResponse(request.app.openapi())


async def _metrics(request: Request) -> Response:
    """Answer in Prometheus' text format. METRICS_TOKEN is required, or this machine if none is set."""
    settings = request.app.state.application.settings
    expected = settings.metrics_token.get_secret_value()
    given = request.headers.get("authorization", "")
    if not expected and not _is_from_this_machine(request):
        raise NotAuthenticated
    if expected and not hmac.compare_digest(given.encode(), f"Bearer {expected}".encode()):
        raise NotAuthenticated
    await request.app.state.application.inventory.publish()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
