"""Lets requests that nobody has verified yet take turns, one client after the other.

To read and refuse a forged request takes a fraction of a millisecond. The store has one thread, and answers an honest
request in some twenty steps. If each step waited for a request of every other connection, one sender with many
connections would slow everybody down. So a few are let in with each round of the event loop.
"""

from collections import deque
from typing import Final

import eventlet
from eventlet.event import Event

from localstore.places import Client

_TURNS_OF_ROUND: Final = 4


class Turns:
    def __init__(self) -> None:
        self._waiting: dict[Client, deque[Event]] = {}
        """The client whose turn is next is first."""
        self._is_running = False

    def wait(self, client: Client) -> None:
        """Return when it is this client's turn. The app and proxies, through which many clients come, do not wait."""
        if not client.is_limited:
            return
        turn = Event()
        self._waiting.setdefault(client, deque()).append(turn)
        if not self._is_running:
            self._is_running = True
            eventlet.spawn_n(self._run)
        turn.wait()

    def _run(self) -> None:
        while self._waiting:
            for _ in range(_TURNS_OF_ROUND):
                self._give_turn()
            eventlet.sleep(0)
        self._is_running = False

    def _give_turn(self) -> None:
        client = next(iter(self._waiting), None)
        if client is None:
            return
        queue = self._waiting.pop(client)
        queue.popleft().send()
        if queue:
            self._waiting[client] = queue
