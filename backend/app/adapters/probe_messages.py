"""Read what the metadata reader's process says, and trust none of it.

A file that exploits a defect of the parser may let that process say anything. It gains no more than wrong metadata of
its own video.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from sqlalchemy import inspect

import mediaprobe
from app.models import Video

LONGEST_LINE = 16 * 1024

_LONGEST_TEXT = 128
_LONGEST_OF = {
    column.name: length
    for column in inspect(Video).columns
    if (length := getattr(column.type, "length", None))
}
"""The lengths of the columns."""
_LARGEST = 2**31 - 1
"""The largest number in a column of 32 bits."""
_LARGEST_SIZE = 2**53
"""Whole numbers up to this are exact in JavaScript."""
_SIZES = {"size_bytes", "duration_ms", "bit_rate"}
_CONTAINERS = get_args(mediaprobe.Container)
_ERRORS: Mapping[str, type[mediaprobe.ProbeError]] = {
    error.code: error
    for error in (
        mediaprobe.UnsupportedContainer,
        mediaprobe.NoVideoTrack,
        mediaprobe.Truncated,
        mediaprobe.BudgetExceeded,
        mediaprobe.SourceChanged,
    )
}


class NotUnderstood(Exception):
    """The line is no message."""


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters")
    return text


def _known(code: str) -> str:
    if code not in _ERRORS:
        raise ValueError("unknown code")
    return code


def _plausible(metadata: mediaprobe.Metadata) -> mediaprobe.Metadata:
    """Return the metadata if every value fits its column and can be shown."""
    if metadata.container not in _CONTAINERS:
        raise ValueError("unknown container")
    if metadata.crop is not None and not re.fullmatch(r"\d+(:\d+){3}", metadata.crop, re.ASCII):
        raise ValueError("crop has other than four numbers")
    if (metadata.available_percent or 0) > 99:
        raise ValueError("available_percent is out of range")
    for name, value in asdict(metadata).items():
        if isinstance(value, str):
            if len(_printable(value)) > _LONGEST_OF.get(name, _LONGEST_TEXT):
                raise ValueError(f"{name} is too long")
        elif isinstance(value, int | float):
            largest = _LARGEST_SIZE if name in _SIZES else _LARGEST
            if not 0 <= value <= largest:  # NaN isn't either
                raise ValueError(f"{name} is out of range")
    return metadata


_Text = Annotated[str, Field(max_length=300), AfterValidator(_printable)]
_Metadata = Annotated[mediaprobe.Metadata, AfterValidator(_plausible)]


class _Message(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Ready(_Message):
    kind: Literal["ready"]


class RangeWanted(_Message):
    kind: Literal["range"]
    start: int = Field(ge=0, le=_LARGEST_SIZE)
    length: int = Field(gt=0, le=mediaprobe.Budget().bytes)


class Found(_Message):
    kind: Literal["found"]
    metadata: _Metadata


class Failed(_Message):
    kind: Literal["failed"]
    code: Annotated[str, AfterValidator(_known)]
    detail: _Text
    metadata: _Metadata | None

    def error(self, container: str | None) -> mediaprobe.ProbeError:
        if self.code == mediaprobe.BudgetExceeded.code:
            return mediaprobe.BudgetExceeded(self.detail, container=container, partial=self.metadata)
        return _ERRORS[self.code](self.detail)


class Crashed(_Message):
    kind: Literal["crashed"]
    reason: _Text


Message = Ready | RangeWanted | Found | Failed | Crashed
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="kind")])


def read_message(line: bytes) -> Message:
    """Raise NotUnderstood."""
    try:
        return _MESSAGE.validate_json(line)
    except ValidationError as error:
        raise NotUnderstood from error
