"""Define every error that a use case raises.

SlipwayError
├── Rejected                       the request itself is invalid
│   ├── FileEmpty, FileTooLarge, FilenameInvalid, UnsupportedContainer, ContentTypeMismatch
│   ├── PasswordTooWeak
│   └── InvalidRequest
├── NotAuthenticated, InvalidCredentials, CsrfRejected, RegistrationClosed
├── VideoNotFound, SessionNotFound
├── RateLimited                    too many requests in a time
├── Conflict                       the request conflicts with the current state
│   ├── EmailTaken, TooManyAccounts, IdempotencyConflict
│   ├── WrongState, PartsIncomplete
│   └── QuotaExceeded, InstallationFull, TooManyUploads, TooManyVideos
└── Unavailable                    the service cannot answer now
    ├── StorageUnavailable, DatabaseUnavailable
    └── Overloaded

api/errors.py alone chooses the HTTP status. `str(error)` is a sentence for people that says what to do.
"""

from typing import ClassVar, Final, Literal, TypedDict

from app.domain.limits import PASSWORD_LIMITS, Limit, wait_in_words

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
    "installation_full",
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
    "rate_limited",
    "registration_closed",
    "storage_unavailable",
    "too_many_accounts",
    "too_many_uploads",
    "too_many_videos",
    "unsupported_container",
    "validation_error",
    "video_not_found",
    "wrong_state",
]
"""Every `code` the API answers with. mypy holds the classes below and api/errors.py to it."""


StatusCode = Literal[
    "content_type_mismatch",
    "infected",
    "no_video_track",
    "object_missing",
    "truncated",
    "unreadable",  # of videos of earlier versions
    "unsupported_container",
]
"""Every `code` of a failed video's `status_reason`."""


class StatusReason(TypedDict):
    """The columns that explain why a video failed."""

    status_code: StatusCode
    status_detail: str


OBJECT_MISSING: Final[StatusReason] = {
    "status_code": "object_missing",
    "status_detail": "The uploaded file is no longer in the storage. Upload it again.",
}
"""The reason of a video whose object is missing. It belongs to the row and not to a request."""


INFECTED: Final[StatusReason] = {
    "status_code": "infected",
    "status_detail": (
        "A virus scanner found something harmful in this file, so it is removed from the storage. "
        "Scan your device, and then upload a clean copy."
    ),
}


class SlipwayError(Exception):
    """Base of all errors. `code` is for programs, `detail` for people, and `facts` go into the response."""

    code: ClassVar[ErrorCode]
    detail = ""
    """The sentence of the class. An instance may have one of its own."""

    def __init__(self, detail: str = "", **facts: object) -> None:
        self.detail = detail or self.detail
        self.facts = facts
        super().__init__(self.detail)


class Rejected(SlipwayError):
    """The request itself is invalid."""


class FileEmpty(Rejected):
    code = "file_empty"
    detail = "This file is empty. Choose a video file that has content."


class FileTooLarge(Rejected):
    code = "file_too_large"

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        size, limit = readable_bytes(size_bytes), readable_bytes(limit_bytes)
        detail = f"This file is {size}, and the limit is {limit}. Choose a smaller file."
        super().__init__(detail, size_bytes=size_bytes, limit_bytes=limit_bytes)


class FilenameInvalid(Rejected):
    code = "filename_invalid"


class UnsupportedContainer(Rejected):
    code = "unsupported_container"


class ContentTypeMismatch(Rejected):
    code = "content_type_mismatch"


class PasswordTooWeak(Rejected):
    code = "password_too_weak"


class InvalidRequest(Rejected):
    """A well-formed value is outside what this resource allows. `errors` has FastAPI's shape."""

    code = "validation_error"

    def __init__(self, detail: str, loc: list[str | int], msg: str) -> None:
        super().__init__(detail, errors=[{"loc": loc, "msg": msg}])


class NotAuthenticated(SlipwayError):
    code = "not_authenticated"
    detail = "Sign in to continue."


class InvalidCredentials(SlipwayError):
    """The same error for an unknown account, a wrong password and a disabled account."""

    code = "invalid_credentials"
    detail = "The e-mail address or the password is wrong. Check both and try again."


class CsrfRejected(SlipwayError):
    code = "csrf_rejected"
    detail = (
        "This request did not come from the app's own page. Open the app and try again there. "
        "If this is the app, its operator adds the page's address to APP_ORIGINS. "
        "API clients send a bearer token and no cookie."
    )


class RegistrationClosed(SlipwayError):
    code = "registration_closed"
    detail = "Accounts can't be created here. Ask the operator of this installation for one."


class VideoNotFound(SlipwayError):
    """The same error for a missing video and another user's video."""

    code = "video_not_found"
    detail = "There is no such video. It may have been deleted."


class SessionNotFound(SlipwayError):
    code = "not_found"
    detail = "There is no such session. It may have ended."


class Conflict(SlipwayError):
    """The request conflicts with the current state."""


class EmailTaken(Conflict):
    code = "email_taken"
    detail = "An account with this e-mail address exists. Sign in instead."


class TooManyAccounts(Conflict):
    code = "too_many_accounts"
    detail = (
        "This installation has reached its limit of accounts. "
        "Ask its operator, who can delete one or raise MAX_ACCOUNTS."
    )


class IdempotencyConflict(Conflict):
    code = "idempotency_conflict"
    detail = "This Idempotency-Key was used for another file. Send a new key for a new upload."


class WrongState(Conflict):
    code = "wrong_state"

    def __init__(self, status: str) -> None:
        super().__init__(f"This is impossible while the video is {status}.", status=status)


class PartsIncomplete(Conflict):
    code = "parts_incomplete"
    detail = "Some parts are missing or damaged. Send the named parts again, and then complete the upload."

    def __init__(self, missing: list[int], mismatched: list[int]) -> None:
        super().__init__(missing=missing, mismatched=mismatched)


class QuotaExceeded(Conflict):
    code = "quota_exceeded"

    def __init__(self, used_bytes: int, quota_bytes: int) -> None:
        used, quota = readable_bytes(used_bytes), readable_bytes(quota_bytes)
        detail = f"Your space is full. You use {used} of {quota}. Delete a video to make room."
        super().__init__(detail, used_bytes=used_bytes, quota_bytes=quota_bytes)


class InstallationFull(Conflict):
    """The videos of all users fill the installation. Their sum is for the operator alone."""

    code = "installation_full"
    detail = (
        "This installation has no space left. Delete a video to make room, "
        "or ask its operator, who can raise MAX_TOTAL_BYTES."
    )


class TooManyUploads(Conflict):
    code = "too_many_uploads"
    detail = "Too many uploads are open. Finish or discard one of them first."

    def __init__(self, open_video_ids: list[str]) -> None:
        super().__init__(open_video_ids=open_video_ids)


class TooManyVideos(Conflict):
    code = "too_many_videos"

    def __init__(self, limit_videos: int) -> None:
        detail = (
            f"You have reached the limit of {limit_videos:,} videos. "
            "Delete some, for example failed ones, and try again in a few minutes."
        )
        super().__init__(detail, limit_videos=limit_videos)


class RateLimited(SlipwayError):
    """A limit is used up until `retry_after_seconds` have passed."""

    code = "rate_limited"

    def __init__(self, limit: Limit, retry_after_seconds: int, *, is_first: bool) -> None:
        what = "wrong passwords" if limit in PASSWORD_LIMITS else "requests"
        super().__init__(f"Too many {what}. Try again in {wait_in_words(retry_after_seconds)}.")
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds
        self.is_first = is_first
        """Whether no request of this window was refused before."""


class Unavailable(SlipwayError):
    """The service cannot answer now. The client may retry after RETRY_AFTER_SECONDS."""


class StorageUnavailable(Unavailable):
    code = "storage_unavailable"
    detail = "The video storage is not answering. Try again in a moment."


class DatabaseUnavailable(Unavailable):
    code = "database_unavailable"
    detail = "The database is not answering. Try again in a moment."


class Overloaded(Unavailable):
    code = "overloaded"
    detail = "The service is busy. Try again in a moment."


RETRY_AFTER_SECONDS: Final = 5


def readable_bytes(count: int) -> str:
    """Format a size in powers of 1024 as the page does, for example 1536 as '1.5 KiB'."""
    if count == 1:
        return "1 byte"
    size, units = float(count), ["bytes", "KiB", "MiB", "GiB", "TiB"]
    # 1023.95 would round to "1024", so it takes the next unit.
    while len(units) > 1 and size >= (1024 if units[0] == "bytes" else 1023.95):
        size, units = size / 1024, units[1:]
    return f"{size:.1f}".removesuffix(".0") + f" {units[0]}" if size < 99.95 else f"{size:.0f} {units[0]}"
