"""Log who did what. Every line of a request names the request, the client and, once known, the user and the session."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final

import structlog

_log = structlog.get_logger()

_SESSION_CHARACTERS: Final = 12
"""The database has 64. These find the row, and nobody can sign in with a hash of a random token."""


class AuditEvent(StrEnum):
    """What a person did, was refused, or lost. docs/reference/metrics-and-logs.md says which facts each has."""

    SIGNED_IN = "session.started"
    SIGN_IN_REFUSED = "session.refused"
    SESSION_ENDED = "session.ended"
    REGISTERED = "account.registered"
    PASSWORD_CHANGED = "account.password_changed"  # noqa: S105  # the name of an event
    ACCOUNT_DELETED = "account.deleted"
    ACCOUNT_CHANGED = "account.changed"
    CSRF_REFUSED = "request.csrf_refused"
    LIMIT_HIT = "request.limit_hit"
    UPLOAD_CREATED = "upload.created"
    UPLOAD_COMPLETED = "upload.completed"
    LINK_MADE = "video.link_made"
    VIDEO_DELETED = "video.deleted"
    VIDEOS_REMOVED = "video.removed"
    VIDEOS_RESTORED = "video.restored"
    VIDEO_TAKEN_DOWN = "video.taken_down"


def record(event: AuditEvent, **facts: object) -> None:
    """Log the event with `audit: true`. Facts with the name of a request's fact replace it."""
    shown = {name: str(fact) if isinstance(fact, uuid.UUID) else fact for name, fact in facts.items()}
    _log.info(event.value, audit=True, **shown)


def session_mark(token_hash: str) -> str:
    """Return the beginning of a stored token hash, by which lines of one session are found."""
    return token_hash[:_SESSION_CHARACTERS]


@contextmanager
def of_request(request_id: str, client: str | None, client_request_id: str | None = None) -> Iterator[None]:
    """Give every line that is logged in this block the request's ID, the client's address, and the client's own ID."""
    own = {"client_request_id": client_request_id} if client_request_id else {}
    with structlog.contextvars.bound_contextvars(request_id=request_id, client=client, **own):
        try:
            yield
        finally:
            structlog.contextvars.unbind_contextvars("user_id", "session")


def current_session() -> str | None:
    """Return the mark of the session that this request came in."""
    mark: str | None = structlog.contextvars.get_contextvars().get("session")
    return mark


def by_caller(user_id: uuid.UUID, token_hash: str) -> None:
    """Give the rest of this request's lines the user and the session."""
    structlog.contextvars.bind_contextvars(user_id=str(user_id), session=session_mark(token_hash))
