"""Decides, for each multipart upload, which part writes may still land while it is completed or aborted.

A writer whose last byte has come is counted until it is stored. Complete and Abort close the gate, wait for
the counted ones, and do their work; everyone else waits before the last byte, and afterwards goes on or is
refused as the upload is still open or has ended.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum


class UploadEndedError(Exception):
    """The upload was completed or aborted."""


class GateBusyError(Exception):
    """Others did not finish in time; try again."""


class _State(Enum):
    OPEN = "open"
    CLOSED = "closed"
    ENDED = "ended"


class UploadGate:
    """One upload's gate. Green threads and real ones may use it."""

    def __init__(self, patience_seconds: float) -> None:
        self._changed = threading.Condition()
        self._state = _State.OPEN
        self._storing = 0
        self._patience_seconds = patience_seconds

    def enter(self) -> None:
        """Wait while the upload is being completed or aborted; refused when that ended it."""
        with self._changed:
            self._await_settled()
            if self._state is _State.ENDED:
                raise UploadEndedError

    def begin_storing(self) -> None:
        """Called with a part's last byte in hand: from here on Complete waits for this writer."""
        with self._changed:
            self._await_settled()
            if self._state is _State.ENDED:
                raise UploadEndedError
            self._storing += 1

    def end_storing(self) -> None:
        with self._changed:
            self._storing -= 1
            self._changed.notify_all()

    def close(self) -> None:
        """Shut out new writes and wait for those being stored. One at a time may hold a gate closed."""
        with self._changed:
            self._await_settled()
            if self._state is _State.ENDED:
                raise UploadEndedError
            self._state = _State.CLOSED
            if not self._changed.wait_for(lambda: self._storing == 0, self._patience_seconds):
                self._state = _State.OPEN
                self._changed.notify_all()
                raise GateBusyError

    def settle(self, *, still_open: bool) -> None:
        """Undo `close`: open again after a failure, or end the upload for all who wait."""
        with self._changed:
            self._state = _State.OPEN if still_open else _State.ENDED
            self._changed.notify_all()

    def _await_settled(self) -> None:
        if not self._changed.wait_for(lambda: self._state is not _State.CLOSED, self._patience_seconds):
            raise GateBusyError


class UploadGates:
    """The gates in use, by upload id. An unused gate is forgotten: the store itself knows what is open."""

    def __init__(self, patience_seconds: float = 45.0) -> None:
        # Below the 60 s after which Swift gives up on a client that sends nothing.
        self._patience_seconds = patience_seconds
        self._lock = threading.Lock()
        self._gates: dict[str, tuple[UploadGate, int]] = {}

    def __len__(self) -> int:
        return len(self._gates)

    @contextmanager
    def hold(self, upload_id: str) -> Iterator[UploadGate]:
        gate = self._take(upload_id)
        try:
            yield gate
        finally:
            self._give_back(upload_id, gate)

    def close(self, upload_id: str) -> "ClosedUpload":
        """Close the upload's gate; the caller must call `reopen_or_end` on every path."""
        while True:
            gate = self._take(upload_id)
            try:
                gate.close()
            except UploadEndedError:
                # Ended while we waited. Start over at a fresh gate: the store says what a repeat gets.
                self._forget(upload_id, gate)
            except BaseException:
                self._give_back(upload_id, gate)
                raise
            else:
                return ClosedUpload(self, upload_id, gate)

    def _take(self, upload_id: str) -> UploadGate:
        with self._lock:
            gate, users = self._gates.get(upload_id) or (UploadGate(self._patience_seconds), 0)
            self._gates[upload_id] = (gate, users + 1)
            return gate

    def _give_back(self, upload_id: str, gate: UploadGate) -> None:
        with self._lock:
            current, users = self._gates.get(upload_id, (None, 0))
            if current is not gate:
                return
            if users == 1:
                del self._gates[upload_id]
            else:
                self._gates[upload_id] = (gate, users - 1)

    def _forget(self, upload_id: str, gate: UploadGate) -> None:
        """Its holders keep an ended gate; whoever comes later gets a new one."""
        with self._lock:
            if self._gates.get(upload_id, (None, 0))[0] is gate:
                del self._gates[upload_id]


class ClosedUpload:
    """An upload that is being completed or aborted."""

    def __init__(self, gates: UploadGates, upload_id: str, gate: UploadGate) -> None:
        self._gates = gates
        self._upload_id = upload_id
        self._gate = gate

    def reopen_or_end(self, is_still_open: Callable[[], bool]) -> None:
        """Ask whether the upload survived. Where that cannot be told, in-flight writes are refused."""
        still_open = False
        try:
            still_open = is_still_open()
        finally:
            self._gate.settle(still_open=still_open)
            if still_open:
                self._gates._give_back(self._upload_id, self._gate)
            else:
                self._gates._forget(self._upload_id, self._gate)
