"""One lock for each multipart upload, which part writes share and Complete and Abort hold exclusively.

A part write takes its share when its last byte has arrived, and keeps it until the part is stored. Complete and Abort
wait for these writes. Other part writes wait before their last byte. They then continue if the upload is still open,
and are refused if it has ended.

An upload has a limited number of part writes whose bytes are still arriving, in all and of one part. A further one ends
the one of them that has sent nothing for the longest, so a page that sends a part again never waits for its own dead
connections. Two writes of one part go on side by side, because a second page that continues the upload would otherwise
end the parts of the first one in turn. Each further one would hold bytes on disk that no quota counts.

Complete and Abort end the writes that are still arriving, whose bytes would stay on disk as long as they arrive.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from typing import Final, Protocol

_ARRIVING_PARTS: Final = 16
"""A page uses six connections at most."""

_ARRIVING_COPIES: Final = 2
"""Of one part."""


class ArrivingWrite(Protocol):
    """A part write whose bytes are arriving."""

    part_number: str

    def give_up(self) -> None:
        """End it without an answer, because another one takes its place."""
        ...

    def refuse(self) -> None:
        """End it, and answer that the upload has ended."""
        ...


class UploadEndedError(Exception):
    """The upload was completed or aborted."""


class UploadBusyError(Exception):
    """Other requests to this upload did not finish in time."""


class _State(Enum):
    OPEN = "open"
    LOCKED = "locked"
    ENDED = "ended"


class UploadLock:
    """The lock of one upload. Green threads and real ones may use it."""

    def __init__(self, timeout_seconds: float) -> None:
        self._changed = threading.Condition()
        self._state = _State.OPEN
        self._storing = 0
        self._arriving: dict[ArrivingWrite, None] = {}
        """The one that has been silent the longest is first."""
        self._timeout_seconds = timeout_seconds

    def begin_arriving(self, write: ArrivingWrite) -> None:
        """Count a part write. At the limit, end another one."""
        with self._changed:
            copies = [other for other in self._arriving if other.part_number == write.part_number]
            rivals = copies if len(copies) >= _ARRIVING_COPIES else list(self._arriving)
            is_full = len(copies) >= _ARRIVING_COPIES or len(self._arriving) >= _ARRIVING_PARTS
            silent = rivals[0] if is_full else None
            if silent is not None:
                del self._arriving[silent]
            self._arriving[write] = None
        if silent is not None:
            silent.give_up()

    def has_sent(self, write: ArrivingWrite) -> None:
        with self._changed:
            if write in self._arriving:
                del self._arriving[write]
                self._arriving[write] = None

    def end_arriving(self, write: ArrivingWrite) -> None:
        with self._changed:
            self._arriving.pop(write, None)

    def require_open(self) -> None:
        """Wait for a running Complete or Abort. Raise UploadEndedError if it ended the upload."""
        with self._changed:
            self._wait_until_open()

    def begin_storing(self) -> None:
        """Take a share. Call it when a part's last byte has arrived, before passing that byte on."""
        with self._changed:
            self._wait_until_open()
            self._storing += 1

    def end_storing(self) -> None:
        with self._changed:
            self._storing -= 1
            self._changed.notify_all()

    def acquire_exclusive(self) -> None:
        """Keep new writes out, and wait for those being stored."""
        with self._changed:
            self._wait_until_open()
            self._state = _State.LOCKED
            if not self._changed.wait_for(lambda: self._storing == 0, self._timeout_seconds):
                self._state = _State.OPEN
                self._changed.notify_all()
                raise UploadBusyError

    def release_exclusive(self, *, still_open: bool) -> None:
        """Let waiting and arriving writes continue, or refuse them because the upload has ended."""
        with self._changed:
            self._state = _State.OPEN if still_open else _State.ENDED
            refused = [] if still_open else list(self._arriving)
            for write in refused:
                del self._arriving[write]
            self._changed.notify_all()
        for write in refused:
            write.refuse()

    def _wait_until_open(self) -> None:
        if not self._changed.wait_for(lambda: self._state is not _State.LOCKED, self._timeout_seconds):
            raise UploadBusyError
        if self._state is _State.ENDED:
            raise UploadEndedError


class UploadLocks:
    """The locks in use, by upload ID. An unused lock is dropped, because the store knows which uploads are open."""

    def __init__(self, timeout_seconds: float = 45.0) -> None:
        # Shorter than the 60 s after which Swift drops a client that sends nothing.
        self._timeout_seconds = timeout_seconds
        self._mutex = threading.Lock()
        self._locks: dict[str, tuple[UploadLock, int]] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @contextmanager
    def shared(self, upload_id: str) -> Iterator[UploadLock]:
        """Yield the lock of an upload for a part write."""
        lock = self._reference(upload_id)
        try:
            yield lock
        finally:
            self._release(upload_id, lock)

    def exclusive(self, upload_id: str) -> "ExclusiveLock":
        """Lock the upload. The caller must call `release` on every path."""
        while True:
            lock = self._reference(upload_id)
            try:
                lock.acquire_exclusive()
            except UploadEndedError:
                # The upload ended while this request waited. With a new lock the store decides the answer.
                self._drop(upload_id, lock)
            except BaseException:
                self._release(upload_id, lock)
                raise
            else:
                return ExclusiveLock(self, upload_id, lock)

    def _reference(self, upload_id: str) -> UploadLock:
        with self._mutex:
            lock, users = self._locks.get(upload_id) or (UploadLock(self._timeout_seconds), 0)
            self._locks[upload_id] = (lock, users + 1)
            return lock

    def _release(self, upload_id: str, lock: UploadLock) -> None:
        with self._mutex:
            current, users = self._locks.get(upload_id, (None, 0))
            if current is not lock:
                return
            if users == 1:
                del self._locks[upload_id]
            else:
                self._locks[upload_id] = (lock, users - 1)

    def _drop(self, upload_id: str, lock: UploadLock) -> None:
        """Leave an ended lock to the requests that hold it. Later requests get a new one."""
        with self._mutex:
            if self._locks.get(upload_id, (None, 0))[0] is lock:
                del self._locks[upload_id]


class ExclusiveLock:
    """The lock of an upload that is being completed or aborted."""

    def __init__(self, locks: UploadLocks, upload_id: str, lock: UploadLock) -> None:
        self._locks = locks
        self._upload_id = upload_id
        self._lock = lock

    def release(self, is_still_open: Callable[[], bool]) -> None:
        """Release the lock, open or ended as `is_still_open` says. If that raises, refuse the waiting writes."""
        still_open = False
        try:
            still_open = is_still_open()
        finally:
            self._lock.release_exclusive(still_open=still_open)
            if still_open:
                self._locks._release(self._upload_id, self._lock)
            else:
                self._locks._drop(self._upload_id, self._lock)
