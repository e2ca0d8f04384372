"""Routes for accounts and sessions."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.security import OAuth2PasswordRequestForm

from app.api.deps import (
    AccountsDep,
    CallerDep,
    ClientAddress,
    CurrentUser,
    LimitsDep,
    RegistrationDep,
    SettingsDep,
    SignInDep,
    Visitor,
    cookie_name,
    limit_registrations,
    limited,
    reject_foreign_origin,
)
from app.api.present import show_user
from app.api.responses import errors
from app.core.config import Settings
from app.domain.limits import Limit
from app.schemas.auth import (
    ConfirmationIn,
    LoginIn,
    PasswordIn,
    ProfileIn,
    RegisterIn,
    SessionListOut,
    SessionOut,
    SignedInOut,
    TokenOut,
    UserOut,
)

router = APIRouter(prefix="/auth", tags=["auth"])

ACCOUNT_LIMIT = limited(Limit.ACCOUNT_PER_USER)


@router.post(
    "/register",
    status_code=201,
    responses=errors(400, 403, 409, 413, 422, 429),
    dependencies=[Depends(reject_foreign_origin), Depends(limit_registrations)],
)
async def register(
    body: RegisterIn, address: ClientAddress, registration: RegistrationDep, settings: SettingsDep
) -> UserOut:
    """Create an account without signing in."""
    user = await registration.register(body.email, body.password, body.full_name, address=address)
    return show_user(user, settings.user_quota_bytes)


@router.post(
    "/login",
    responses=errors(400, 401, 403, 413, 422, 429),
    dependencies=[Depends(reject_foreign_origin)],
)
async def login(body: LoginIn, response: Response, sign_in: SignInDep, settings: SettingsDep) -> UserOut:
    """Start a session for the page, set its cookie, and end the session that the request came with."""
    signed_in = await sign_in(body.email, body.password, "cookie")
    set_session_cookie(response, settings, signed_in.token)
    return show_user(signed_in.user, settings.user_quota_bytes)


@router.post(
    "/token", responses=errors(400, 401, 403, 413, 422, 429), dependencies=[Depends(reject_foreign_origin)]
)
async def token(form: Annotated[OAuth2PasswordRequestForm, Depends()], sign_in: SignInDep) -> TokenOut:
    """Start a session for an API client (OAuth2 password form), and end the session that the request came with."""
    signed_in = await sign_in(form.username, form.password, "bearer")
    return TokenOut(access_token=signed_in.token, token_type="bearer", expires_at=signed_in.expires_at)  # noqa: S106  # RFC 6750


@router.post("/logout", status_code=204, responses=errors(401, 403))
async def logout(response: Response, caller: CallerDep, accounts: AccountsDep, settings: SettingsDep) -> None:
    """End the session of this request."""
    await accounts.sign_out(caller)
    set_session_cookie(response, settings, "")


# Beside the bearer token, which FastAPI declares as needed.
@router.get("/session", responses=errors(429), openapi_extra={"security": [{}]})
async def read_session(visitor: Visitor, settings: SettingsDep, limits: LimitsDep) -> SignedInOut:
    """Return who is signed in. Without a live session that is nobody, and no error."""
    if visitor is None:
        return SignedInOut(user=None)
    await limits.count(Limit.ACCOUNT_PER_USER, str(visitor.id))
    return SignedInOut(user=show_user(visitor, settings.user_quota_bytes))


@router.get("/me", responses=errors(401, 429), dependencies=[ACCOUNT_LIMIT])
async def read_me(user: CurrentUser, settings: SettingsDep) -> UserOut:
    """Return the caller's account, with the space that its videos use."""
    return show_user(user, settings.user_quota_bytes)


@router.patch(
    "/me",
    responses=errors(400, 401, 403, 413, 422, 429),
    dependencies=[ACCOUNT_LIMIT],
)
async def update_me(
    body: ProfileIn, caller: CallerDep, accounts: AccountsDep, settings: SettingsDep
) -> UserOut:
    """Change the caller's name."""
    return show_user(await accounts.rename(caller, body.full_name), settings.user_quota_bytes)


@router.post(
    "/me/delete",
    status_code=204,
    responses=errors(400, 401, 403, 413, 422, 429),
    dependencies=[ACCOUNT_LIMIT],
)
async def delete_me(
    body: ConfirmationIn, response: Response, caller: CallerDep, accounts: AccountsDep, settings: SettingsDep
) -> None:
    """Delete the caller's account with all its videos, for good."""
    await accounts.delete(caller, body.password)
    set_session_cookie(response, settings, "")


@router.post(
    "/password", status_code=204, responses=errors(400, 401, 403, 413, 422, 429), dependencies=[ACCOUNT_LIMIT]
)
async def change_password(
    body: PasswordIn, response: Response, caller: CallerDep, accounts: AccountsDep, settings: SettingsDep
) -> None:
    """Change the password, end the user's other sessions, and replace the page's cookie."""
    token = await accounts.change_password(caller, body.current_password, body.new_password)
    _replace_cookie(response, settings, token)


@router.get("/sessions", responses=errors(401, 429), dependencies=[ACCOUNT_LIMIT])
async def list_sessions(caller: CallerDep, accounts: AccountsDep) -> SessionListOut:
    """List the caller's sessions."""
    rows = await accounts.list_sessions(caller)
    items = [SessionOut(**row.model_dump(), current=row.id == caller.session_id) for row in rows]
    return SessionListOut(items=items)


@router.post(
    "/sessions/{session_id}/end",
    status_code=204,
    responses=errors(400, 401, 403, 404, 413, 422, 429),
    dependencies=[ACCOUNT_LIMIT],
)
async def end_session(
    session_id: uuid.UUID,
    body: ConfirmationIn,
    response: Response,
    caller: CallerDep,
    accounts: AccountsDep,
    settings: SettingsDep,
) -> None:
    """End one of the caller's sessions, and replace the page's cookie."""
    token = await accounts.end_session(caller, session_id, body.password)
    _replace_cookie(response, settings, token)


@router.post(
    "/sessions/end-others",
    status_code=204,
    responses=errors(400, 401, 403, 413, 422, 429),
    dependencies=[ACCOUNT_LIMIT],
)
async def end_other_sessions(
    body: ConfirmationIn, response: Response, caller: CallerDep, accounts: AccountsDep, settings: SettingsDep
) -> None:
    """End the caller's other sessions, and replace the page's cookie."""
    token = await accounts.end_other_sessions(caller, body.password)
    _replace_cookie(response, settings, token)


def _replace_cookie(response: Response, settings: Settings, token: str | None) -> None:
    if token is not None:
        set_session_cookie(response, settings, token)


def set_session_cookie(response: Response, settings: Settings, token: str) -> None:
    """Set the session's cookie. An empty token ends it."""
    response.set_cookie(
        cookie_name(settings),
        token,
        max_age=settings.session_absolute_seconds if token else 0,
        path=settings.public_path or "/",
        secure=settings.cookies_are_secure,
        httponly=True,
        samesite="lax",
    )
