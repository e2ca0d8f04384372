"""The places for connections. A full store gives up those that wait for a client, and never work for another one.

A half-open connection costs its sender nothing, so a limit alone would let anyone fill it. If every place is taken, the
client with the most waiting connections loses its oldest. A client is an IPv4 address, or the /64 network that an IPv6
line has. The app and proxies lose theirs only if nobody else has one that waits.
"""

import ipaddress
import socket
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, Protocol

from localstore.client_address import address_block, unmapped

PLACE_KEY: Final = "slipway.place"
"""The WSGI key of a request's place."""

_SHARE_OF_CLIENT: Final = 4
"""One client has a quarter of all places at most."""

_SHARE_OF_RESERVE: Final = 16
"""Pages leave a sixteenth of all places to the app."""

_PARTS_OF_OWNER: Final = 16
_MIN_OF_OWNER: Final = 16
"""For the parts of one owner's uploads there is a sixteenth of all places, and enough for two browsers with six
connections each."""

_VIEWERS_OF_OWNER: Final = 4
"""Viewers of one owner's videos have a quarter of all places, because they may be many."""

_SHARE_OF_VIEWER: Final = 4
"""One client has a quarter of these, because an office may have one address."""

Address = tuple[str, int]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Closable(Protocol):
    def getsockname(self) -> tuple[str | int, ...]: ...

    def shutdown(self, how: int, /) -> None: ...


class Entry(Enum):
    """What happens to a new connection."""

    ADMITTED = "admitted"
    CLIENT_HAS_TOO_MANY = "client has too many"
    FULL = "full"


class Client(NamedTuple):
    """Whoever has the connections of one address."""

    name: str
    is_limited: bool
    """False for programs of this machine, as the app, and for proxies."""


class Page(NamedTuple):
    """What a signed URL is used for."""

    owner: str
    """Who owns the object."""
    is_view: bool
    """Whether it reads a video. Otherwise it writes a part."""


class Place:
    """One connection's place."""

    def __init__(self, places: "Places", client: Client, connection: Closable) -> None:
        self._places = places
        self.client = client
        self._connection = connection
        self._shares: list[Hashable] = []
        """Of the page that is served, the shares in which it counts."""
        self.when_given_up: Callable[[], None] | None = None
        """Ends what the connection waits for besides its client."""

    def serve(self) -> None:
        """Keep the connection until `wait`, because Swift works for it or reads a body whose URL is verified."""
        self._places._waiting.get(self.client, {}).pop(self, None)

    def begin_page(self, page: Page) -> bool:
        """Serve a page, and return False if one of the shares in which it counts is used up."""
        limits, counts = self._places.limits, self._places.pages
        shares = limits.of_page(page, self.client)
        if any(counts[share] >= limit for share, limit in shares.items()):
            return False
        self._shares = list(shares)
        counts.update(self._shares)
        self.serve()
        return True

    def wait(self) -> None:
        """Let the connection be given up, because it only waits for its client."""
        self._end_page()
        if self in self._places._held:
            self._places._waiting[self.client].setdefault(self)

    def leave(self) -> None:
        """Free the place. It may be freed already."""
        self._end_page()
        self._places._remove(self)

    def give_up(self) -> None:
        """Free the place, and end the connection's reads and its wait for a turn, which closes it."""
        self._places._remove(self)
        self._shut(socket.SHUT_RDWR)
        if self.when_given_up is not None:
            self.when_given_up()

    def end_reading(self) -> None:
        """End a read that waits for the client. An answer can still be sent."""
        self._shut(socket.SHUT_RD)

    def _shut(self, how: int) -> None:
        try:
            self._connection.shutdown(how)
        except OSError:
            pass  # The client has closed it.

    def _end_page(self) -> None:
        counts = self._places.pages
        for share in self._shares:
            counts[share] -= 1
            if not counts[share]:
                del counts[share]
        self._shares = []


@dataclass(frozen=True)
class Limits:
    """Numbers of connections."""

    all: int
    per_client: int
    pages: int
    """Pages that are served at the same time. The rest is for the app, whose calls are short."""
    per_use: int
    """Pages of these that view, or that write. So neither use takes the places of the other."""
    parts_of_owner: int
    """Parts of one owner, who may come from many addresses."""
    views_of_owner: int
    """Views of one owner's objects, by whoever has their URLs."""
    views_of_client: int
    """Views of these by one client."""

    @classmethod
    def of(cls, connections: int) -> "Limits":
        pages = connections - max(connections // _SHARE_OF_RESERVE, 1)
        views_of_owner = max(connections // _VIEWERS_OF_OWNER, _MIN_OF_OWNER)
        return cls(
            connections,
            max(connections // _SHARE_OF_CLIENT, 1),
            pages,
            max(3 * pages // 4, 1),
            max(connections // _PARTS_OF_OWNER, _MIN_OF_OWNER),
            views_of_owner,
            views_of_owner // _SHARE_OF_VIEWER,
        )

    def of_page(self, page: Page, client: Client) -> dict[Hashable, int]:
        """Return the limits of the shares in which a page counts."""
        shares: dict[Hashable, int] = {
            "pages": self.pages,
            page.is_view: self.per_use,
            page: self.views_of_owner if page.is_view else self.parts_of_owner,
        }
        if page.is_view and client.is_limited:
            shares[page, client] = self.views_of_client
        return shares


class Places:
    def __init__(self, limits: Limits, proxies: Sequence[Network] = ()) -> None:
        """Take no share as the limit of `proxies`, because many clients come through one."""
        self.limits = limits
        self.pages: Counter[Hashable] = Counter()
        """By share, the pages that are served."""
        self._proxies = proxies
        self._held: set[Place] = set()
        self._counts: dict[Client, int] = {}
        self._waiting: dict[Client, dict[Place, None]] = {}
        """By client, the places that can be given up, the oldest first."""

    def enter(self, address: Address, connection: Closable) -> tuple[Entry, Place | None]:
        """Return the new connection's place, or why it has none."""
        client = self._client(address[0], str(connection.getsockname()[0]))
        if client.is_limited and self._counts.get(client, 0) >= self.limits.per_client:
            if not self._give_up_one_of(client):
                return Entry.CLIENT_HAS_TOO_MANY, None
        elif len(self._held) >= self.limits.all and not self.give_up_one():
            return Entry.FULL, None
        place = Place(self, client, connection)
        self._held.add(place)
        self._counts[client] = self._counts.get(client, 0) + 1
        self._waiting.setdefault(client, {})[place] = None
        return Entry.ADMITTED, place

    def give_up_one(self) -> bool:
        """End the oldest waiting connection of the client that has the most, and return whether there was one."""

        def rank(client: Client) -> tuple[bool, int]:
            waiting = len(self._waiting[client])
            return client.is_limited and waiting > 0, waiting

        client = max(self._waiting, key=rank, default=None)
        return client is not None and self._give_up_one_of(client)

    def _give_up_one_of(self, client: Client) -> bool:
        oldest = next(iter(self._waiting.get(client, {})), None)
        if oldest is None:
            return False
        oldest.give_up()
        return True

    def _remove(self, place: Place) -> None:
        if place not in self._held:
            return
        self._held.remove(place)
        self._waiting[place.client].pop(place, None)
        self._counts[place.client] -= 1
        if not self._counts[place.client]:
            del self._counts[place.client], self._waiting[place.client]

    def _client(self, peer: str, own: str) -> Client:
        if peer == own:
            return Client(peer, is_limited=False)
        host = peer.partition("%")[0]
        address = unmapped(ipaddress.ip_address(host))
        is_proxy = any(address in network for network in self._proxies)
        return Client(address_block(host), is_limited=not is_proxy)
