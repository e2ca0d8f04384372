"""Routes for accounts and sessions."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from fastapi.security import OAuth2PasswordRequestForm

from app.api.deps import AccountsDep, CallerDep, CurrentUser, SettingsDep, cookie_name, reject_foreign_origin
from app.api.responses import errors
from app.core.config import Settings
from app.models import User
from app.schemas.auth import (
    LoginIn,
    PasswordIn,
    ProfileIn,
    RegisterIn,
    SessionListOut,
    SessionOut,
    TokenOut,
    UserOut,
)

router = APIRouter(prefix="/auth", tags=["auth"])


@router.post(
    "/register",
    status_code=201,
    response_model=UserOut,
    responses=errors(400, 403, 409, 413, 422),
    dependencies=[Depends(reject_foreign_origin)],
)
async def register(body: RegisterIn, accounts: AccountsDep) -> User:
    """Create an account without signing in."""
    return await accounts.register(body.email, body.password, body.full_name)


@router.post(
    "/login",
    response_model=UserOut,
    responses=errors(400, 401, 403, 413, 422),
    dependencies=[Depends(reject_foreign_origin)],
)
async def login(
    body: LoginIn, request: Request, response: Response, accounts: AccountsDep, settings: SettingsDep
) -> User:
    """Start a session for the page and set its cookie."""
    signed_in = await accounts.sign_in(body.email, body.password, "cookie", request.headers.get("user-agent"))
    _set_cookie(response, settings, signed_in.token, settings.session_absolute_seconds)
    return signed_in.user


@router.post(
    "/token", responses=errors(400, 401, 403, 413, 422), dependencies=[Depends(reject_foreign_origin)]
)
async def token(
    form: Annotated[OAuth2PasswordRequestForm, Depends()], request: Request, accounts: AccountsDep
) -> TokenOut:
    """Start a session for an API client (OAuth2 password form)."""
    signed_in = await accounts.sign_in(
        form.username, form.password, "bearer", request.headers.get("user-agent")
    )
    return TokenOut(access_token=signed_in.token, token_type="bearer", expires_at=signed_in.expires_at)  # noqa: S106


@router.post("/logout", status_code=204, responses=errors(401, 403))
async def logout(response: Response, caller: CallerDep, accounts: AccountsDep, settings: SettingsDep) -> None:
    """End the session of this request."""
    await accounts.sign_out(caller)
    _set_cookie(response, settings, "", 0)


@router.get("/me", response_model=UserOut, responses=errors(401))
async def read_me(user: CurrentUser) -> User:
    """Return the caller's account."""
    return user


@router.patch("/me", response_model=UserOut, responses=errors(400, 401, 403, 413, 422))
async def update_me(body: ProfileIn, caller: CallerDep, accounts: AccountsDep) -> User:
    """Change the caller's name."""
    return await accounts.rename(caller, body.full_name)


@router.post("/password", status_code=204, responses=errors(400, 401, 403, 413, 422))
async def change_password(body: PasswordIn, caller: CallerDep, accounts: AccountsDep) -> None:
    """Change the password and end the user's other sessions."""
    await accounts.change_password(caller, body.current_password, body.new_password)


@router.get("/sessions", responses=errors(401))
async def list_sessions(caller: CallerDep, accounts: AccountsDep) -> SessionListOut:
    """List the caller's sessions."""
    rows = await accounts.list_sessions(caller)
    items = [SessionOut(**row.model_dump(), current=row.id == caller.session_id) for row in rows]
    return SessionListOut(items=items)


@router.delete("/sessions/{session_id}", status_code=204, responses=errors(401, 403, 404, 422))
async def end_session(session_id: uuid.UUID, caller: CallerDep, accounts: AccountsDep) -> None:
    """End one of the caller's sessions."""
    await accounts.end_session(caller, session_id)


def _set_cookie(response: Response, settings: Settings, value: str, max_age_seconds: int) -> None:
    response.set_cookie(
        cookie_name(settings),
        value,
        max_age=max_age_seconds,
        path=settings.public_path or "/",
        secure=settings.cookies_are_secure,
        httponly=True,
        samesite="lax",
    )
