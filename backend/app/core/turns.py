"""Start requests in turn, so that a client's many requests wait for each other and not everybody for them."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

AT_ONCE: Final = 8
"""Requests of one client that are being answered. A browser sends six at once to a host over HTTP/1.1."""
COUNTS_FOR_SECONDS: Final = 1.0
"""After this time a request no longer counts. A `complete` waits for the store for up to 10 s and costs nothing then,
and people behind one address must not wait for that."""
_PAUSE: Final = 3
"""Times what the start of a request took. So a client has a quarter of the loop's time while others are there too."""
_SHORTEST_PAUSE_SECONDS: Final = 0.001
"""uvloop's timers have whole milliseconds, so a shorter pause might be none."""
SECONDS_BETWEEN_REFUSALS: Final = 0.005
"""A connection that is refused takes 0.2 ms of the loop, so that 200 a second take 4 percent of it. The last of 4,096
connections waits 20 s for its answer, and no honest client sends what is no HTTP."""


class Turn:
    """The place of one request in the order."""

    def __init__(self, turns: "Turns", client: str, start: Callable[[], None]) -> None:
        self._turns = turns
        self.client = client
        self.start = start
        self.counts: asyncio.TimerHandle | None = None
        """Runs while the request counts as being answered."""

    def leave(self) -> None:
        """Note that the request has ended, or that its client has gone. It may be noted again."""
        self._turns.leave(self)


def _nothing() -> None:
    pass


class Turns:
    """Starts at most one request in each turn of the event loop, of each client with a request in turn.

    Between two starts the loop goes on with what others have begun. Without that, 250 requests of one client make
    every step of another one's request wait for all 250.
    """

    def __init__(
        self,
        at_once: int = AT_ONCE,
        counts_for_seconds: float = COUNTS_FOR_SECONDS,
        seconds_between: float = 0.0,
    ) -> None:
        """Let `seconds_between` two starts pass, whoever they are for. With 0 it is one turn of the loop."""
        self._at_once = at_once
        self._seconds = counts_for_seconds
        self._seconds_between = seconds_between
        self._waiting: dict[str, OrderedDict[Turn, None]] = {}
        self._answered: dict[str, int] = {}
        self._pausing: set[str] = set()
        self._ready: OrderedDict[str, None] = OrderedDict()
        """The clients whose next request may start, in turn."""
        self._is_scheduled = False

    def enter(self, client: str, start: Callable[[], None]) -> Turn:
        """Call `start` when it is this request's turn."""
        turn = Turn(self, client, start)
        self._waiting.setdefault(client, OrderedDict())[turn] = None
        self._look_at(client)
        return turn

    def leave(self, turn: Turn) -> None:
        client = turn.client
        if turn.counts is not None:
            turn.counts.cancel()
            turn.counts = None
            self._answered[client] -= 1
            if not self._answered[client]:
                del self._answered[client]
        elif client in self._waiting:
            self._stop_waiting(turn)
        self._look_at(client)

    def _stop_waiting(self, turn: Turn) -> Callable[[], None]:
        """Return what starts the request. It refers to the turn, so the turn keeps it no longer.

        Objects that refer to each other stay in memory until Python searches all of it, which stops the app.
        """
        waiting = self._waiting[turn.client]
        waiting.pop(turn, None)
        if not waiting:
            del self._waiting[turn.client]
        start, turn.start = turn.start, _nothing
        return start

    def _look_at(self, client: str) -> None:
        has_room = self._answered.get(client, 0) < self._at_once
        if client in self._waiting and has_room and client not in self._pausing:
            self._ready.setdefault(client)
            self._schedule()
        else:
            self._ready.pop(client, None)

    def _schedule(self) -> None:
        if self._ready and not self._is_scheduled:
            self._is_scheduled = True
            asyncio.get_running_loop().call_later(self._seconds_between, self._start_next)

    def _start_next(self) -> None:
        self._is_scheduled = False
        if not self._ready:
            return
        loop = asyncio.get_running_loop()
        turn = next(iter(self._waiting[next(iter(self._ready))]))
        start = self._stop_waiting(turn)
        self._answered[turn.client] = self._answered.get(turn.client, 0) + 1
        turn.counts = loop.call_later(self._seconds, self.leave, turn)
        self._pausing.add(turn.client)
        self._look_at(turn.client)
        self._schedule()
        # The loop calls these in this order, with nothing but the request's first step in between.
        began: list[float] = []
        loop.call_soon(lambda: began.append(time.perf_counter()))
        entered = time.perf_counter()
        start()
        started = time.perf_counter() - entered
        loop.call_soon(lambda: self._pause(turn.client, started + time.perf_counter() - began[0]))

    def _pause(self, client: str, seconds: float) -> None:
        """Leave the loop to other clients, if there are any, for some time after the first step of a request."""
        has_others = len(self._answered.keys() | self._waiting.keys()) > 1
        if has_others:
            pause = max(_PAUSE * seconds, _SHORTEST_PAUSE_SECONDS)
            asyncio.get_running_loop().call_later(pause, self._end_pause, client)
        else:
            self._end_pause(client)

    def _end_pause(self, client: str) -> None:
        self._pausing.discard(client)
        self._look_at(client)
