"""Read the routes and statuses that the committed openapi.json declares."""

import json
import re
from functools import cache
from pathlib import Path
from typing import Any, cast

OPENAPI_FILE = Path(__file__).parents[3] / "openapi.json"

# Any path may return these statuses.
_ANYWHERE = {404, 405, 413}


@cache
def document() -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(OPENAPI_FILE.read_text()))


@cache
def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Return (method, path template, operation) of all routes."""
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
    """Return whether openapi.json declares this status for the route of the request.

    A HEAD is refused, or answered as the GET that is declared.
    """
    for declared, pattern, statuses in _patterns():
        if declared == ("GET" if method == "HEAD" else method) and pattern.fullmatch(path):
            return status in statuses or (method, status) == ("HEAD", 405)
    # openapi.json does not declare its own route.
    return not path.startswith("/api/v1/") or path == "/api/v1/openapi.json" or status in _ANYWHERE
