"""How FastAPI calls what routes depend on."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from fastapi.security import OAuth2PasswordRequestForm

from app.api.routes import auth, health, videos
from tests.api.declared import operations


def calls(dependant: Dependant) -> Iterator[Callable[..., Any]]:
    for dependency in dependant.dependencies:
        assert dependency.call is not None
        yield dependency.call
        yield from calls(dependency)


def is_async(call: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__)


def test_no_dependency_runs_in_a_thread() -> None:
    """Except FastAPI's own form for sign-in, which then hashes a password."""
    routers = (auth.router, health.router, videos.router)
    routes = [route for router in routers for route in router.routes if isinstance(route, APIRoute)]
    found = {call for route in routes for call in calls(route.dependant)}

    # HEAD of health stands in no schema.
    assert sum(route.include_in_schema for route in routes) == len(list(operations()))
    assert {call for call in found if not is_async(call)} == {OAuth2PasswordRequestForm}
