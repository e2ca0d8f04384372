"""Stops the store on SIGTERM, and when its stdin closes because the app is gone."""

import os
import signal
from types import FrameType
from typing import Final

import eventlet
from eventlet import patcher

STOP_GRACE_SECONDS: Final = 2.0
"""Time for requests in flight to finish. The next start waits longer than this for the lock."""

_real_os = patcher.original("os")
_FORCE_AFTER_SECONDS: Final = STOP_GRACE_SECONDS + 2.0


class Lifetime:
    """Wakes the main green thread on a signal and at the end of stdin."""

    def __init__(self) -> None:
        # A pipe, because a signal handler cannot wake eventlet's hub.
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def watch(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        # A real thread, because a blocking read works for a pipe, a terminal and /dev/null.
        patcher.original("threading").Thread(target=self._wait_for_end_of_stdin, daemon=True).start()

    def wait(self) -> str:
        """Sleep until the store must stop, and return the reason."""
        eventlet.hubs.trampoline(self._reader, read=True)
        return os.read(self._reader, 64).decode("ascii")

    def end(self, reason: str) -> None:
        # Not eventlet's write, which may switch green threads. A signal handler must not do that.
        _real_os.write(self._writer, reason.encode("ascii"))

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.end("SIGTERM")

    def _wait_for_end_of_stdin(self) -> None:
        real_time = patcher.original("time")
        try:
            while _real_os.read(0, 4096):
                pass
        except OSError:
            # A missing stdin counts as its end.
            pass
        self.end("the app is gone")
        # If the main thread hangs, no app is left to kill it.
        real_time.sleep(_FORCE_AFTER_SECONDS)
        os._exit(0)
