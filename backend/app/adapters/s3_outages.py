"""Log why the store cannot be used, once for each outage and cause instead of for each call."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from botocore.exceptions import ClientError

from app.core.storage_causes import cause_of, is_refusal, status_and_code
from app.domain.errors import StorageUnavailable

log = structlog.get_logger()


class OutageLog:
    """Belongs to the event loop."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._unreachable: set[str] = set()
        """Causes of the current outage."""
        self._refused: dict[str, tuple[int, str]] = {}
        """The last answer of each operation that the store refuses."""

    @contextmanager
    def watch(self, operation: str) -> Iterator[None]:
        try:
            yield
        except StorageUnavailable as error:
            self._failed(operation, error)
            raise
        except asyncio.CancelledError:
            raise
        except Exception:  # any other error of the adapter is an answer, such as NoSuchObject
            self._answered()
            self._refused.pop(operation, None)
            raise
        self._answered()
        self._refused.pop(operation, None)

    def _failed(self, operation: str, error: StorageUnavailable) -> None:
        cause, reason = error.__cause__, cause_of(error)
        if isinstance(cause, ClientError) and is_refusal(cause):
            self._answered()
            answer = status_and_code(cause)
            if self._refused.get(operation) != answer:
                self._refused[operation] = answer
                status, code = answer
                log.error("storage.refused", operation=operation, status=status, code=code, cause=reason)
        elif reason not in self._unreachable:
            self._unreachable.add(reason)
            log.error("storage.unreachable", endpoint=self._endpoint, cause=reason)

    def _answered(self) -> None:
        if self._unreachable:
            self._unreachable.clear()
            log.info("storage.reachable", endpoint=self._endpoint)
