"""Dependencies of routes on services, and on the caller.

Each is `async def`, because FastAPI calls a plain function in a thread pool, which costs more than any of them does.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from app.api.present import VideoPresenter
from app.core.config import Settings
from app.domain.errors import CsrfRejected, NotAuthenticated
from app.domain.limits import Limit
from app.models import User
from app.ports import Clock
from app.services.accounts import AccountService, Caller, SignIn
from app.services.completion import CompletionService
from app.services.rate_limits import RateLimits
from app.services.readiness import Readiness
from app.services.registration import RegistrationService
from app.services.undo import UndoService
from app.services.uploads import UploadService
from app.services.videos import VideoService
from localstore.client_address import address_block
from localstore.local_names import is_local_origin

StartSession = Callable[[str, str, str], Awaitable[SignIn]]
"""By e-mail address, password and kind."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Only declares the scheme in openapi.json. `get_caller` reads the header and the cookie itself.
_bearer = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token", auto_error=False)


async def require_bucket(request: Request) -> None:
    """Raise StorageUnavailable while the bucket may belong to another database."""
    request.app.state.application.bucket.require_confirmed()


def _attribute(name: str, *, needs_bucket: bool = False) -> Any:
    """Return the dependency on an attribute of the application. With `needs_bucket` it requires the bucket."""

    async def get(request: Request) -> Any:
        if needs_bucket:
            await require_bucket(request)
        return getattr(request.app.state.application, name)

    return Depends(get)


SettingsDep = Annotated[Settings, _attribute("settings")]
RegistrationDep = Annotated[RegistrationService, _attribute("registration")]
AccountsDep = Annotated[AccountService, _attribute("accounts")]
UploadsDep = Annotated[UploadService, _attribute("uploads", needs_bucket=True)]
CompletionDep = Annotated[CompletionService, _attribute("completion", needs_bucket=True)]
VideosDep = Annotated[VideoService, _attribute("videos")]
UndoDep = Annotated[UndoService, _attribute("undo")]
ReadinessDep = Annotated[Readiness, _attribute("readiness")]
LimitsDep = Annotated[RateLimits, _attribute("limits")]
ClockDep = Annotated[Clock, _attribute("clock")]


async def get_presenter(request: Request, clock: ClockDep) -> VideoPresenter:
    application = request.app.state.application
    return VideoPresenter(application.delivery, clock.now(), application.links)


PresenterDep = Annotated[VideoPresenter, Depends(get_presenter)]


def cookie_name(settings: Settings) -> str:
    """Return the session cookie's name.

    `__Host-` binds it to this host and needs https and the path `/`. `__Secure-` needs only https (RFC 6265bis, 4.1.3).
    """
    if not settings.cookies_are_secure:
        return "slipway_session"
    return "__Secure-slipway_session" if settings.public_path else "__Host-slipway_session"


def session_token(request: Request, settings: Settings) -> str | None:
    """Return the bearer token or, without an `Authorization` header, the session cookie."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return request.cookies.get(cookie_name(settings))
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


async def reject_foreign_origin(request: Request, settings: SettingsDep) -> None:
    """Raise CsrfRejected if another site's page asks to sign in or to register."""
    origin = request.headers.get("origin")
    if origin is not None and not _is_own_page(request, settings):
        raise CsrfRejected


async def require_own_page(request: Request, settings: SettingsDep) -> None:
    """Raise CsrfRejected unless the request names our page. Browsers name the page of each form that they send."""
    if not _is_own_page(request, settings):
        raise CsrfRejected


async def get_client_address(request: Request) -> str:
    """Return the client's address as limits count it. TRUSTED_PROXIES decides whose it is."""
    return address_block(request.client.host if request.client else None)


ClientAddress = Annotated[str, Depends(get_client_address)]


async def get_caller(
    request: Request,
    address: ClientAddress,
    settings: SettingsDep,
    accounts: AccountsDep,
    _scheme: Annotated[str | None, Depends(_bearer)],
) -> Caller:
    """Return who sent the bearer token or the session cookie. Raise NotAuthenticated or CsrfRejected."""
    token = session_token(request, settings)
    if token is None:
        raise NotAuthenticated
    # A browser adds the cookie to requests of any page, so the cookie alone does not show that ours sent them.
    needs_origin = "authorization" not in request.headers and request.method not in SAFE_METHODS
    if needs_origin and not _is_own_page(request, settings):
        raise CsrfRejected
    return await accounts.who_is(token, address=address)


def _is_own_page(request: Request, settings: Settings) -> bool:
    headers = request.headers
    origin = headers.get("origin")
    if origin in settings.page_origins or headers.get("sec-fetch-site") == "same-origin":
        return True
    # Browsers send Sec-Fetch-Site only over https and on this machine (W3C Fetch Metadata). With DNS rebinding a
    # foreign page has its own name in both headers, so only names count that public DNS doesn't have.
    opened = f"{request.url.scheme}://{headers.get('host', '')}"
    return not settings.app_origins and origin == opened and is_local_origin(opened)


CallerDep = Annotated[Caller, Depends(get_caller)]


async def get_sign_in(
    request: Request, address: ClientAddress, accounts: AccountsDep, settings: SettingsDep
) -> StartSession:
    """Return AccountService.sign_in with what the request tells of the client and its earlier session."""
    user_agent, replaces = request.headers.get("user-agent"), session_token(request, settings)
    return partial(accounts.sign_in, user_agent=user_agent, replaces=replaces, address=address)


SignInDep = Annotated[StartSession, Depends(get_sign_in)]


async def get_current_user(caller: CallerDep) -> User:
    """Return the signed-in user."""
    return caller.user


CurrentUser = Annotated[User, Depends(get_current_user)]


async def get_visitor(
    request: Request,
    address: ClientAddress,
    settings: SettingsDep,
    accounts: AccountsDep,
    scheme: Annotated[str | None, Depends(_bearer)],
) -> User | None:
    """Return the signed-in user, or None for anybody else."""
    try:
        return (await get_caller(request, address, settings, accounts, scheme)).user
    except NotAuthenticated:
        return None


Visitor = Annotated[User | None, Depends(get_visitor)]


def limited(limit: Limit) -> Any:
    """Return the dependency that counts a request of the signed-in user. It raises RateLimited."""

    async def count(user: CurrentUser, limits: LimitsDep) -> None:
        await limits.count(limit, str(user.id))

    return Depends(count)


async def limit_registrations(address: ClientAddress, limits: LimitsDep) -> None:
    """Raise RateLimited."""
    await limits.count(Limit.REGISTER_PER_ADDRESS, address)
