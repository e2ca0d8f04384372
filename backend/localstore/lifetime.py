"""When the store ends: on SIGTERM, or when the app that holds its stdin is gone, however it died."""

import os
import signal
from types import FrameType
from typing import Final

import eventlet
from eventlet import patcher

STOP_GRACE_SECONDS: Final = 2.0
"""What requests in flight get to finish. The lock of the next start waits longer than this."""

_real_os = patcher.original("os")
_FORCE_AFTER_SECONDS: Final = STOP_GRACE_SECONDS + 2.0


class Lifetime:
    """Turns signals and the end of stdin into one wake-up of the main green thread."""

    def __init__(self) -> None:
        # A pipe, because a signal handler cannot wake eventlet's hub by itself.
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def watch(self) -> None:
        signal.signal(signal.SIGTERM, self._on_signal)
        # A real thread: a blocking read works for a pipe, a terminal and /dev/null alike.
        patcher.original("threading").Thread(target=self._wait_for_end_of_stdin, daemon=True).start()

    def wait(self) -> str:
        """Sleep until the end; returns why."""
        eventlet.hubs.trampoline(self._reader, read=True)
        return os.read(self._reader, 64).decode("ascii")

    def end(self, reason: str) -> None:
        # The real write: eventlet's may switch green threads, which a signal handler must not.
        _real_os.write(self._writer, reason.encode("ascii"))

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.end("SIGTERM")

    def _wait_for_end_of_stdin(self) -> None:
        real_time = patcher.original("time")
        try:
            while _real_os.read(0, 4096):
                pass
        except OSError:
            # No stdin at all counts as its end.
            pass
        self.end("the app is gone")
        # Should the main thread hang, nobody is left to kill it.
        real_time.sleep(_FORCE_AFTER_SECONDS)
        os._exit(0)
