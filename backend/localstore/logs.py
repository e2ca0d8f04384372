"""The store's log, a file rotated by size, without requests, signatures and secrets."""

import io
import logging
import logging.handlers
import os
import sys
from pathlib import Path
from typing import Any, Final

from eventlet import patcher

from localstore.once_a_minute import STDERR_LOGGER, OnceAMinute
from localstore.redaction import redact

LOGGER_NAME: Final = "localstore"
_MAX_BYTES: Final = 2 * 1024 * 1024
_KEPT_FILES: Final = 2

_handler: logging.Handler | None = None


class _RedactingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _PrivateRotatingFileHandler(logging.handlers.RotatingFileHandler):
    def createLock(self) -> None:
        # A real lock, because Swift also logs from real threads, and eventlet prints from its main loop, where a green
        # lock must not wait. Writing to a file never switches green threads while the lock is held.
        self.lock = patcher.original("threading").RLock()

    def _open(self) -> io.TextIOWrapper:
        descriptor = os.open(self.baseFilename, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        return os.fdopen(descriptor, "a", encoding="utf-8")

    def handleError(self, record: logging.LogRecord) -> None:
        """Drop the record. A full disk must not fail the request."""


class _StderrToLog(io.TextIOBase):
    """Writes what libraries print to the log, redacted."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if text.strip():
            logging.getLogger(STDERR_LOGGER).error("%s", text.rstrip())
        return len(text)


def open_log(path: Path) -> logging.Logger:
    """Log the store's events, and everything printed to stderr, to the file."""
    global _handler
    _handler = _PrivateRotatingFileHandler(path, maxBytes=_MAX_BYTES, backupCount=_KEPT_FILES, delay=True)
    _handler.setFormatter(_RedactingFormatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    _handler.addFilter(OnceAMinute())
    logger = logging.getLogger(LOGGER_NAME)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(_handler)
    # Swift's libraries also use the root logger. Without a handler Python prints to the real stderr.
    logging.getLogger().addHandler(_handler)
    logging.getLogger().setLevel(logging.ERROR)
    sys.stderr = _StderrToLog()
    return logger


def attach_to_swift(
    _conf: dict[str, Any],
    _name: str,
    _log_to_console: bool,
    _log_route: str,
    _fmt: str,
    logger: logging.Logger,
    _adapted_logger: Any,
) -> None:
    """Replace Swift's syslog handler by the log file. Swift calls this hook (`log_custom_handlers`)."""
    for handler in list(logger.handlers):
        if handler is not _handler:
            logger.removeHandler(handler)
            handler.close()
    if _handler is not None and _handler not in logger.handlers:
        logger.addHandler(_handler)
