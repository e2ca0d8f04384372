"""The S3 operations that the store offers, by method, path and query.

Swift has more, such as lists of rights, deletion of many objects and websites. Slipway calls none of them, and each is
code that reads what others send.
"""

import re
from collections.abc import Iterable, Set
from dataclasses import dataclass
from enum import Enum
from typing import Final

from localstore.answers import Refusal

_PATH: Final = re.compile(r"/(?:(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(?P<key>.*))?)?", re.DOTALL)
"""Names of buckets by S3's rules. `/v1/...` and `/.no-tokens/...` of Swift's API are none."""


class Level(Enum):
    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


@dataclass(frozen=True)
class Operation:
    level: Level
    method: str
    required: frozenset[str]
    """Names of the query that choose the operation."""
    optional: frozenset[str]

    def fits(self, level: Level, method: str, names: Set[str]) -> bool:
        chosen = (level, method) == (self.level, self.method)
        return chosen and self.required <= names <= self.required | self.optional


def _operation(level: Level, method: str, required: str = "", optional: str = "") -> Operation:
    # SDKs of JavaScript and Go name the operation in x-id, which has no effect.
    return Operation(level, method, frozenset(required.split()), frozenset(["x-id", *optional.split()]))


_OVERRIDES: Final = " ".join(
    f"response-{name}"
    for name in (
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-type",
        "expires",
    )
)
_LISTING: Final = "prefix delimiter encoding-type"

GET_OBJECT: Final = _operation(Level.OBJECT, "GET", optional=_OVERRIDES)
UPLOAD_PART: Final = _operation(Level.OBJECT, "PUT", "partNumber uploadId")
OF_PAGES: Final = (GET_OBJECT, UPLOAD_PART)
OF_APP: Final = (
    GET_OBJECT,
    UPLOAD_PART,
    _operation(Level.SERVICE, "GET"),
    _operation(Level.BUCKET, "HEAD"),
    _operation(Level.BUCKET, "PUT"),
    _operation(Level.BUCKET, "DELETE"),
    _operation(Level.BUCKET, "GET", "location"),
    _operation(Level.BUCKET, "GET", "versioning"),
    _operation(Level.BUCKET, "GET", "", f"{_LISTING} max-keys marker"),
    _operation(
        Level.BUCKET,
        "GET",
        "list-type",
        f"{_LISTING} max-keys continuation-token start-after fetch-owner",
    ),
    _operation(Level.BUCKET, "GET", "versions", f"{_LISTING} max-keys key-marker version-id-marker"),
    _operation(Level.BUCKET, "GET", "uploads", f"{_LISTING} max-uploads key-marker upload-id-marker"),
    _operation(Level.OBJECT, "HEAD", optional=_OVERRIDES),
    _operation(Level.OBJECT, "PUT"),
    _operation(Level.OBJECT, "DELETE"),
    _operation(Level.OBJECT, "POST", "uploads"),
    _operation(Level.OBJECT, "POST", "uploadId"),
    _operation(Level.OBJECT, "GET", "uploadId", "max-parts part-number-marker encoding-type"),
    _operation(Level.OBJECT, "DELETE", "uploadId"),
)


def is_listed(listed: Iterable[Operation], level: Level, method: str, names: Set[str]) -> bool:
    return any(operation.fits(level, method, names) for operation in listed)


def level_of(path: str) -> Level:
    """Return what a path is about. Raise Refusal for a path of no bucket."""
    found = _PATH.fullmatch(path)
    if found is None:
        raise Refusal("400 Bad Request", "InvalidURI", "The path is not /bucket or /bucket/key.")
    if found["key"]:
        return Level.OBJECT
    return Level.BUCKET if found["bucket"] else Level.SERVICE
