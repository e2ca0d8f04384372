"""Sign-in and registration by the page's own forms, before its script has loaded or without JavaScript.

The rules are those of the API. The answer is a page, so a refusal is one too.
"""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Form, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import RedirectResponse, Response

from app.api.deps import (
    ClientAddress,
    RegistrationDep,
    SettingsDep,
    SignInDep,
    StartSession,
    limit_registrations,
    require_own_page,
)
from app.api.errors import report
from app.api.routes.auth import set_session_cookie
from app.core.config import Settings
from app.domain.errors import SlipwayError
from app.schemas.auth import LoginIn, RegisterIn

ADDRESSES: Final = ("/login", "/register")
# The page has a sentence for each (frontend/src/components/auth/posted-refusals.tsx).
EXPLAINED: Final = frozenset(
    {
        "csrf_rejected",
        "database_unavailable",
        "email_taken",
        "internal_error",
        "invalid_credentials",
        "overloaded",
        "password_too_weak",
        "rate_limited",
        "registration_closed",
        "too_many_accounts",
        "validation_error",
    }
)
# One segment, so that no browser reads another host in it. Sign-in goes on to the first page.
_OWN_PATH: Final = re.compile(r"/(?!login|register)[a-z]*(?:\?[\w.~%=&+-]*)?", re.ASCII)


class FormRoute(APIRoute):
    """Answers a refusal with the form's page. The fragment names the sentence that the page then shows."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError:
                code = "validation_error"
            except SlipwayError as error:
                report(error, request)
                code = error.code if error.code in EXPLAINED else "internal_error"
            # Relative, because a proxy may have removed the public path.
            return _see_other(f"?{request.url.query}#{code}")

        return answer


router = APIRouter(route_class=FormRoute, include_in_schema=False, dependencies=[Depends(require_own_page)])


@router.post("/login")
async def login(
    form: Annotated[LoginIn, Form()], request: Request, sign_in: SignInDep, settings: SettingsDep
) -> Response:
    """Start a session, set its cookie, and go to the page that `next` of the query names."""
    return await _enter(form, request, sign_in, settings)


@router.post("/register", dependencies=[Depends(limit_registrations)])
async def register(
    form: Annotated[RegisterIn, Form()],
    request: Request,
    address: ClientAddress,
    registration: RegistrationDep,
    sign_in: SignInDep,
    settings: SettingsDep,
) -> Response:
    """Create an account and start its session."""
    await registration.register(form.email, form.password, form.full_name, address=address)
    return await _enter(form, request, sign_in, settings)


async def _enter(
    form: LoginIn | RegisterIn, request: Request, sign_in: StartSession, settings: Settings
) -> Response:
    signed_in = await sign_in(form.email, form.password, "cookie")
    wanted = request.query_params.get("next", "/")
    path = wanted if _OWN_PATH.fullmatch(wanted) else "/"
    # Without a fragment of its own, the address would get that of an earlier refusal (RFC 9110, 10.2.2).
    response = _see_other(f"{settings.public_path}{path}#")
    set_session_cookie(response, settings, signed_in.token)
    return response


def _see_other(address: str) -> Response:
    return RedirectResponse(address, 303)
