"""Accepts connections for eventlet's servers."""

import errno
import socket
from typing import Any, Final

import eventlet
from eventlet.greenio import GreenSocket

from localstore.places import Address, Place, Places
from localstore.tally import Tally
from localstore.turns import Turns

_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_PAUSE_SECONDS: Final = 0.1
_ACCEPTED_AT_ONCE: Final = 32


class Listener:
    """A listening socket for eventlet's server, which goes on when file descriptors run out."""

    def __init__(self, listener: socket.socket, tally: Tally) -> None:
        self._listener = GreenSocket(listener)
        self.tally = tally

    def accept(self) -> tuple[GreenSocket, Any]:
        while True:
            try:
                accepted: tuple[GreenSocket, Any] = self._listener.accept()
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self.tally.note(errno.errorcode[error.errno])
                self._free_descriptors()
                eventlet.sleep(_PAUSE_SECONDS)
            else:
                return accepted

    def _free_descriptors(self) -> None:
        """Do nothing. The requests that hold descriptors end by themselves."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._listener, name)


class PublicListener(Listener):
    """A listening socket that gives each connection a place, or closes it."""

    def __init__(self, listener: socket.socket, tally: Tally, places: Places) -> None:
        super().__init__(listener, tally)
        self._places = places
        self.turns = Turns()
        self._entered: dict[Address, Place] = {}
        self._accepted = 0

    def accept(self) -> tuple[GreenSocket, Any]:
        while True:
            # With a full backlog, accept never blocks, and no request would go on. After each single connection, the
            # app would wait in the backlog until the requests of all who came before it have had a turn.
            self._accepted += 1
            if self._accepted % _ACCEPTED_AT_ONCE == 0:
                eventlet.sleep(0)
            connection, address = super().accept()
            entry, place = self._places.enter(address, connection)
            if place is not None:
                self._entered[address] = place
                return connection, address
            self.tally.note(entry.value)
            connection.close()

    def place_of(self, address: Address) -> Place:
        """Return the place of a connection that was just accepted."""
        return self._entered.pop(address)

    def _free_descriptors(self) -> None:
        self._places.give_up_one()
