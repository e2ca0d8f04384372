"""Structured logs, as JSON lines or as text on a terminal, without secrets."""

import logging
import sys
from collections.abc import Collection, Mapping, MutableMapping
from contextlib import suppress
from typing import Any, TextIO, cast

import structlog

from localstore.redaction import REMOVED, Redact, names_a_secret, redacting


def configure_logging(stream: TextIO | None = None, secrets: Collection[str] = ()) -> None:
    """Send our events and the libraries' warnings to `stream`, by default stderr.

    No event should contain a secret. If one does, by our mistake or a library's, its value is removed if it has a
    known shape or is one of `secrets`. A line that `stream` does not take is lost.
    """
    output = stream or sys.stderr
    lossy = cast(TextIO, _Lossy(output))
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: list[structlog.typing.Processor] = [
        structlog.processors.format_exc_info,
        _without_secrets(redacting(secrets)),
        # structlog's rich traceback prints every local variable, passwords and tokens included.
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
        if output.isatty()
        else structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, *render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(lossy),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(lossy)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *render],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    # botocore and urllib3 log request lines with signatures at DEBUG and INFO.
    root.setLevel(logging.WARNING)


class _Lossy:
    """Writes to a stream whose disk may be full or whose reader may be gone.

    The error would come out of the call that logs, and end the request or the background loop.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._stream.flush()


def _without_secrets(shown: Redact) -> structlog.typing.Processor:
    def processor(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
        return {name: _redacted(value, name, shown) for name, value in event.items()}

    return processor


def _redacted(value: Any, name: str, shown: Redact) -> Any:
    """Return the value with each text in it redacted. A value that its name betrays is removed."""
    match value:
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {shown(str(key)): _redacted(each, str(key), shown) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_redacted(each, name, shown) for each in value]
    if names_a_secret(name):
        return REMOVED
    return shown(value if isinstance(value, str) else repr(value))
