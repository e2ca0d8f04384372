"""Lets requests that nobody has verified yet take turns, one client after the other.

To read and refuse a forged request takes a quarter of a millisecond. The store has one thread, and answers an honest
request in some forty steps. If each step waited for a request of every other connection, one sender with many
connections would slow everybody down. So one is let in with each round of the event loop. Clients whose last request
was refused have a queue of their own, so nobody else waits for theirs, and few turns a second.

A connection that loses its place also leaves its queue. Otherwise whoever opens more connections than get a turn would
use up all of the store's green threads, and the store would accept nobody.
"""

from functools import partial
from typing import Final

import eventlet
from eventlet.event import Event

from localstore.places import Client, Place

_PAUSE_OF_REFUSED_SECONDS: Final = 0.002
_MOST_REFUSED: Final = 4096
"""Clients that are remembered, which takes 1 MiB. Beyond that, the one that was refused least recently is forgotten."""


class Turns:
    def __init__(self) -> None:
        self._queue = _Queue(0.0)
        self._queue_of_refused = _Queue(_PAUSE_OF_REFUSED_SECONDS)
        self._refused: dict[Client, None] = {}
        """Clients whose last request was refused, the longest ago first."""

    def wait(self, place: Place) -> None:
        """Return when it is the turn of this place's client. Raise ConnectionAbortedError if the place is given up.

        The app and proxies, through which many clients come, do not wait.
        """
        if place.client.is_limited:
            queue = self._queue_of_refused if place.client in self._refused else self._queue
            queue.wait(place)

    def note(self, client: Client, *, is_refused: bool) -> None:
        """Remember whether the last request of a client was refused."""
        self._refused.pop(client, None)
        if is_refused:
            self._refused[client] = None
            if len(self._refused) > _MOST_REFUSED:
                del self._refused[next(iter(self._refused))]


class _Queue:
    def __init__(self, pause_seconds: float) -> None:
        """Take the time between two turns. With 0 it is one round of the event loop."""
        self._pause_seconds = pause_seconds
        self._waiting: dict[Client, dict[Event, None]] = {}
        """The client whose turn is next is first."""
        self._is_running = False

    def wait(self, place: Place) -> None:
        turn = Event()
        self._waiting.setdefault(place.client, {})[turn] = None
        if not self._is_running:
            self._is_running = True
            eventlet.spawn_n(self._run)
        place.when_given_up = partial(self._end_wait, place.client, turn)
        try:
            turn.wait()
        finally:
            place.when_given_up = None

    def _end_wait(self, client: Client, turn: Event) -> None:
        turns = self._waiting.get(client, {})
        if turn not in turns:
            return  # Its turn has come.
        del turns[turn]
        if not turns:
            del self._waiting[client]
        turn.send_exception(ConnectionAbortedError())

    def _run(self) -> None:
        while self._waiting:
            self._give_turn()
            eventlet.sleep(self._pause_seconds)
        self._is_running = False

    def _give_turn(self) -> None:
        client = next(iter(self._waiting))
        turns = self._waiting.pop(client)
        turn = next(iter(turns))
        del turns[turn]
        if turns:
            self._waiting[client] = turns
        turn.send()
