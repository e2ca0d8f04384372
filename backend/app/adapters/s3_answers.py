"""Tell who sent an error, the store or a proxy in front of it, and what it may be about."""

from collections.abc import Collection
from typing import Final

from botocore.exceptions import ClientError

from app.core.storage_causes import status_and_code

CONDITION: Final = "IfNoneMatch"
"""boto3's name of the header If-None-Match."""
_NEVER_ABOUT_HEADERS: Final = frozenset(
    {
        "ConditionalRequestConflict",  # a concurrent request on the key, which S3 asks to repeat
        "EntityTooSmall",
        "InvalidAccessKeyId",
        "InvalidPart",
        "InvalidPartOrder",
    }
)
_REFUSALS: Final = (400, 403, 405, 409, 412, 422, 501)
PASSING: Final = frozenset(
    {"BadDigest", "ExpiredToken", "IncompleteBody", "InvalidToken", "RequestTimeTooSkewed", "RequestTimeout"}
)
"""Codes of 400 and 403 that say nothing about what the store can do."""


def error_code(error: BaseException | None) -> str:
    """Return the code of S3's XML error, or an empty string."""
    return status_and_code(error)[1] if isinstance(error, ClientError) else ""


def error_status(error: BaseException | None) -> int:
    """Return the HTTP status, or 0 if there was no answer."""
    return status_and_code(error)[0] if isinstance(error, ClientError) else 0


def is_stores_answer(error: BaseException | None) -> bool:
    """Return whether the store sent this error. Otherwise a proxy may have, and it proves nothing about the object.

    The store sends an XML error. Its answer to a HEAD has no body, but the header x-amz-request-id.
    """
    if not isinstance(error, ClientError):
        return False
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    is_page = headers.get("content-type", "").startswith("text/html")
    return bool(error_code(error)) or ("x-amz-request-id" in headers and not is_page)


def perhaps_refused(error: BaseException | None, headers: Collection[str]) -> set[str]:
    """Return those of the request's optional headers that the error may be about.

    Stores refuse a header that they don't know with 501 NotImplemented, 400 InvalidArgument, 405 or 422, and filters
    in front of them with 403. If a proxy removes it, the signature does not match. Some answer 409 or 412 without an
    object at the key. Only the same request without the header tells.
    """
    code, status = error_code(error), error_status(error)
    if code in PASSING or code in _NEVER_ABOUT_HEADERS or status not in _REFUSALS:
        return set()
    # AWS sends InvalidRequest also if the size is wrong, so that header stays.
    is_about_condition = code == "InvalidRequest" or status in (409, 412)
    return {CONDITION} & set(headers) if is_about_condition else set(headers)
