"""What routes need: the services, and who asks."""

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import OAuth2PasswordBearer

from app.api.present import VideoPresenter
from app.core.config import Settings
from app.core.db import Database
from app.domain.errors import CsrfRejected, NotAuthenticated
from app.models import User
from app.ports import Clock, ObjectStorage
from app.services.accounts import AccountService, Caller
from app.services.completion import CompletionService
from app.services.uploads import UploadService
from app.services.videos import VideoService

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

# Only declares the scheme in openapi.json; get_current_user reads both kinds itself.
_bearer = OAuth2PasswordBearer(tokenUrl="/api/v1/auth/token", auto_error=False)


def get_settings(request: Request) -> Settings:
    settings: Settings = request.app.state.application.settings
    return settings


def get_accounts(request: Request) -> AccountService:
    accounts: AccountService = request.app.state.application.accounts
    return accounts


def require_bucket(request: Request) -> None:
    """For what touches the store: in a bucket that may be another's nothing is done. Raises StorageUnavailable."""
    request.app.state.application.bucket.require_confirmed()


def get_uploads(request: Request) -> UploadService:
    require_bucket(request)
    uploads: UploadService = request.app.state.application.uploads
    return uploads


def get_completion(request: Request) -> CompletionService:
    require_bucket(request)
    completion: CompletionService = request.app.state.application.completion
    return completion


def get_videos(request: Request) -> VideoService:
    videos: VideoService = request.app.state.application.videos
    return videos


def get_database(request: Request) -> Database:
    database: Database = request.app.state.application.database
    return database


def get_storage(request: Request) -> ObjectStorage:
    require_bucket(request)
    storage: ObjectStorage = request.app.state.application.storage
    return storage


def get_clock(request: Request) -> Clock:
    clock: Clock = request.app.state.application.clock
    return clock


SettingsDep = Annotated[Settings, Depends(get_settings)]
AccountsDep = Annotated[AccountService, Depends(get_accounts)]
UploadsDep = Annotated[UploadService, Depends(get_uploads)]
CompletionDep = Annotated[CompletionService, Depends(get_completion)]
VideosDep = Annotated[VideoService, Depends(get_videos)]
DatabaseDep = Annotated[Database, Depends(get_database)]
StorageDep = Annotated[ObjectStorage, Depends(get_storage)]
ClockDep = Annotated[Clock, Depends(get_clock)]


def get_presenter(request: Request, clock: ClockDep) -> VideoPresenter:
    return VideoPresenter(request.app.state.application.delivery, clock.now())


PresenterDep = Annotated[VideoPresenter, Depends(get_presenter)]


def cookie_name(settings: Settings) -> str:
    """`__Host-` binds the cookie to this host and https; plain http on a local machine cannot have it."""
    return "__Host-slipway_session" if settings.cookies_are_secure else "slipway_session"


def reject_foreign_origin(request: Request, settings: SettingsDep) -> None:
    """For sign-in and registration, which have no session yet: another site's page may not sign anybody in."""
    origin = request.headers.get("origin")
    if origin is not None and origin not in settings.page_origins and not _same_origin_by_browser(request):
        raise CsrfRejected


async def get_caller(
    request: Request,
    settings: SettingsDep,
    accounts: AccountsDep,
    _scheme: Annotated[str | None, Depends(_bearer)],
) -> Caller:
    """The session behind `Authorization: Bearer` or the cookie; raises NotAuthenticated, CsrfRejected."""
    authorization = request.headers.get("authorization")
    if authorization is not None:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise NotAuthenticated
        return await accounts.who_is(token.strip())
    cookie = request.cookies.get(cookie_name(settings))
    if cookie is None:
        raise NotAuthenticated
    if request.method not in SAFE_METHODS:
        # A browser sends the cookie by itself, so it alone does not show that our page asked.
        origin = request.headers.get("origin")
        if origin not in settings.page_origins and not _same_origin_by_browser(request):
            raise CsrfRejected
    return await accounts.who_is(cookie)


def _same_origin_by_browser(request: Request) -> bool:
    return request.headers.get("sec-fetch-site") == "same-origin"


CallerDep = Annotated[Caller, Depends(get_caller)]


async def get_current_user(caller: CallerDep) -> User:
    """The signed-in user, by cookie or bearer token."""
    return caller.user


CurrentUser = Annotated[User, Depends(get_current_user)]
