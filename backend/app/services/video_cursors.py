"""Encode places in a list. A cursor belongs to one order and one filter, and is opaque to clients."""

import base64
import binascii
import hashlib
import uuid
from datetime import UTC, datetime

from app.crud.video_list import Position
from app.domain.errors import InvalidRequest
from app.domain.video_list import ORDERS, SHOWN, VideoQuery
from app.models import Video

_MOST_INT64 = 2**63 - 1


def encode_cursor(query: VideoQuery, video: Video) -> str:
    """Encode the place after this video."""
    value = getattr(video, ORDERS[query.sort].column)
    if isinstance(value, datetime):
        value = value.astimezone(UTC).isoformat()
    place = "|".join([query.sort, _filter(query), str(video.id), "" if value is None else str(value)])
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


def decode_cursor(query: VideoQuery, cursor: str) -> Position:
    """Raise InvalidRequest if the cursor is malformed or of another order or filter."""
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        sort, narrowed, video_id, value = raw.decode().split("|", 3)
        if (sort, narrowed) != (query.sort, _filter(query)):
            raise _invalid("This cursor is of another order or filter. Start again without a cursor.")
        return Position(_value(query, value), uuid.UUID(video_id))
    except (ValueError, binascii.Error, OverflowError):
        raise _invalid("This cursor is invalid. Start again without a cursor.") from None


def _value(query: VideoQuery, text: str) -> datetime | str | int | None:
    """Raise ValueError."""
    order = ORDERS[query.sort]
    if order.column == "created_at":
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return moment.astimezone(UTC)
    if order.column == "name_key":
        if "\0" in text:
            raise ValueError("PostgreSQL refuses NUL in text")
        return text
    if order.may_be_unknown and not text:
        return None
    number = int(text)
    if not 0 <= number <= _MOST_INT64:
        raise ValueError("no size or duration")
    return number


def _filter(query: VideoQuery) -> str:
    """Return a mark of what the list is narrowed to. Nobody gains anything by two filters with the same mark."""
    if not query.is_narrowed:
        return ""
    statuses = sorted(query.statuses & SHOWN)
    return hashlib.sha256("|".join([*statuses, query.name_part]).encode()).hexdigest()[:16]


def _invalid(detail: str) -> InvalidRequest:
    return InvalidRequest(detail, ["query", "cursor"], "invalid cursor")
