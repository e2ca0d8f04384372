"""What openapi.json, as it is committed, says about each route."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

OPENAPI_FILE = Path(__file__).parents[3] / "openapi.json"

# Any address may answer these: no operation of its own is behind them.
_ANYWHERE = {404, 405, 413}


@cache
def document() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(OPENAPI_FILE.read_text()))


@cache
def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """(method, path template, operation) of all routes."""
    return [
        (method.upper(), path, operation)
        for path, item in document()["paths"].items()
        for method, operation in item.items()
    ]


@cache
def _patterns() -> list[tuple[str, re.Pattern[str], frozenset[int]]]:
    return [
        (
            method,
            re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)),
            frozenset(int(status) for status in operation["responses"]),
        )
        for method, path, operation in operations()
    ]


def declares(method: str, path: str, status: int) -> bool:
    """Whether this status is declared for the route that takes the request."""
    for taken, pattern, statuses in _patterns():
        if taken == method and pattern.fullmatch(path):
            return status in statuses
    # The description does not describe itself.
    return not path.startswith("/api/v1/") or path == "/api/v1/openapi.json" or status in _ANYWHERE
