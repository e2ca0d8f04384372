"""Every error a use case can end in, each with a code for programs and its facts.

SlipwayError
├── Rejected                       the request itself is at fault
│   ├── FileEmpty, FileTooLarge, FilenameInvalid, UnsupportedContainer, ContentTypeMismatch
│   ├── PasswordTooWeak
│   └── InvalidRequest
├── NotAuthenticated, InvalidCredentials, CsrfRejected
├── VideoNotFound, SessionNotFound
├── Conflict                       the request is fine, the moment is not
│   ├── EmailTaken, IdempotencyConflict
│   ├── WrongState, PartsIncomplete
│   └── QuotaExceeded, TooManyUploads
└── Unavailable                    not the caller's fault, worth another try
    ├── StorageUnavailable, DatabaseUnavailable
    └── Overloaded

HTTP statuses are chosen in api/errors.py alone. `str(error)` is a sentence for people that says what to do.
"""

from typing import ClassVar, Final, Literal, TypedDict

ErrorCode = Literal[
    "body_too_large",
    "content_type_mismatch",
    "csrf_rejected",
    "database_unavailable",
    "email_taken",
    "file_empty",
    "file_too_large",
    "filename_invalid",
    "idempotency_conflict",
    "internal_error",
    "invalid_credentials",
    "malformed_request",
    "method_not_allowed",
    "not_authenticated",
    "not_found",
    "overloaded",
    "parts_incomplete",
    "password_too_weak",
    "quota_exceeded",
    "rate_limited",  # reserved, not sent yet
    "storage_unavailable",
    "too_many_uploads",
    "unsupported_container",
    "validation_error",
    "video_not_found",
    "wrong_state",
]
"""Every `code` the API answers with. mypy holds the classes below and api/errors.py to it."""


class StatusReason(TypedDict):
    """The columns that explain why a video failed."""

    status_code: str
    status_detail: str


OBJECT_MISSING: Final[StatusReason] = {
    "status_code": "object_missing",
    "status_detail": "The uploaded file is no longer in the storage. Upload it again.",
}
"""The reason of a video whose object is missing. It belongs to the row and not to a request."""


class SlipwayError(Exception):
    """Base of all: `code` names it for programs, `facts` are added to the answer."""

    code: ClassVar[ErrorCode]

    def __init__(self, detail: str, **facts: object) -> None:
        super().__init__(detail)
        self.detail = detail
        self.facts = facts


class Rejected(SlipwayError):
    """The request cannot be met as it stands."""


class FileEmpty(Rejected):
    code = "file_empty"

    def __init__(self) -> None:
        super().__init__("This file is empty. Choose a video file that has content.")


class FileTooLarge(Rejected):
    code = "file_too_large"

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"This file is {readable_bytes(size_bytes)}; the limit is {readable_bytes(limit_bytes)}. "
            "Choose a smaller file.",
            size_bytes=size_bytes,
            limit_bytes=limit_bytes,
        )


class FilenameInvalid(Rejected):
    code = "filename_invalid"


class UnsupportedContainer(Rejected):
    code = "unsupported_container"

    def __init__(self, detail: str, accepted: list[str]) -> None:
        super().__init__(detail, accepted=accepted)


class ContentTypeMismatch(Rejected):
    code = "content_type_mismatch"


class PasswordTooWeak(Rejected):
    code = "password_too_weak"


class InvalidRequest(Rejected):
    """A value is well-formed but outside what this resource allows; `errors` as FastAPI gives them."""

    code = "validation_error"

    def __init__(self, detail: str, loc: list[str | int], msg: str) -> None:
        super().__init__(detail, errors=[{"loc": loc, "msg": msg}])


class NotAuthenticated(SlipwayError):
    code = "not_authenticated"

    def __init__(self) -> None:
        super().__init__("Sign in to go on.")


class InvalidCredentials(SlipwayError):
    """The same for an unknown account, a wrong password and a disabled account."""

    code = "invalid_credentials"

    def __init__(self, detail: str = "E-mail or password is wrong. Check both and try again.") -> None:
        super().__init__(detail)


class CsrfRejected(SlipwayError):
    code = "csrf_rejected"

    def __init__(self) -> None:
        super().__init__(
            "This request did not come from the app's own page. Open the app and try there; "
            "API clients send a bearer token instead of the cookie."
        )


class VideoNotFound(SlipwayError):
    """Not there, or not yours: the answer is the same."""

    code = "video_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such video. It may have been deleted.")


class SessionNotFound(SlipwayError):
    code = "not_found"

    def __init__(self) -> None:
        super().__init__("There is no such session. It may have ended.")


class Conflict(SlipwayError):
    """The request clashes with the state of things."""


class EmailTaken(Conflict):
    code = "email_taken"

    def __init__(self) -> None:
        super().__init__("An account with this e-mail address exists. Sign in instead.")


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key was used for another file. Send a new key for a new upload.")


class WrongState(Conflict):
    code = "wrong_state"

    def __init__(self, status: str) -> None:
        super().__init__(f"This cannot be done while the video is {status}.", status=status)


class PartsIncomplete(Conflict):
    code = "parts_incomplete"

    def __init__(self, missing: list[int], mismatched: list[int]) -> None:
        super().__init__(
            "Some parts have not arrived as they were sent. Send the named parts again, then complete.",
            missing=missing,
            mismatched=mismatched,
        )


class QuotaExceeded(Conflict):
    code = "quota_exceeded"

    def __init__(self, used_bytes: int, quota_bytes: int) -> None:
        super().__init__(
            f"Your space is full: {readable_bytes(used_bytes)} of {readable_bytes(quota_bytes)} in use. "
            "Delete a video to make room.",
            used_bytes=used_bytes,
            quota_bytes=quota_bytes,
        )


class TooManyUploads(Conflict):
    code = "too_many_uploads"

    def __init__(self, open_video_ids: list[str]) -> None:
        super().__init__(
            "Too many uploads are open. Finish or discard one of them first.", open_video_ids=open_video_ids
        )


class Unavailable(SlipwayError):
    """A part of the service is not answering; `retry_after_seconds` goes into Retry-After."""

    def __init__(self, detail: str, retry_after_seconds: int = 5) -> None:
        super().__init__(detail)
        self.retry_after_seconds = retry_after_seconds


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"

    def __init__(self) -> None:
        super().__init__("The video storage does not answer just now. Try again in a moment.")


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"

    def __init__(self) -> None:
        super().__init__("The database does not answer just now. Try again in a moment.")


class Overloaded(Unavailable):
    code = "overloaded"

    def __init__(self) -> None:
        super().__init__("The service is busy. Try again in a moment.")


def readable_bytes(count: int) -> str:
    """1536 -> '1.5 KiB': for sentences, binary units as the limits are."""
    size = float(count)
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            return f"{size:.4g} {unit}" if size < 1024 else f"{size:,.0f} {unit}"
        size /= 1024
    raise AssertionError("unreachable")
