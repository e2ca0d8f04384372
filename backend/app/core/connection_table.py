"""Choose which connection ends if a client or all clients together have too many."""

from typing import Generic, TypeVar

Connection = TypeVar("Connection")


class ConnectionTable(Generic[Connection]):
    """Counts connections by client. Those that wait for their client can be ended, those being answered cannot.

    If a client has too many, the one of it that waits longest ends. If all together are too many, the client with the
    most that wait loses one, so whoever fills the places with a few addresses only ends its own. If no client has two
    that wait, the one that waits longest of all ends.
    """

    def __init__(self, most: int, most_of_a_client: int) -> None:
        self._most = most
        self._most_of_a_client = most_of_a_client
        self._clients: dict[Connection, str | None] = {}
        self._waiting: dict[str | None, dict[Connection, None]] = {}
        self._all_waiting: dict[Connection, None] = {}
        self._crowds: dict[int, dict[str, None]] = {}
        """Clients by how many of theirs wait. A look at all clients for each new connection would take 1 ms."""
        self._counts: dict[str, int] = {}
        self.ended = 0
        """How many connections ended to make room."""

    def __len__(self) -> int:
        return len(self._clients)

    def enter(self, connection: Connection, client: str | None) -> Connection | None:
        """Add a connection. Return the one to end, perhaps this one. No limit but the total is for a client None."""
        self._clients[connection] = client
        if client is not None:
            self._counts[client] = self._counts.get(client, 0) + 1
        victim = self._victim(client) or (connection if self._is_over(client) else None)
        if victim is not None:
            self.ended += 1
            self.leave(victim)
        if victim is not connection:
            self.wait(connection)
        return victim

    def leave(self, connection: Connection) -> None:
        """Forget a connection, also one that was never added."""
        self.work(connection)
        client = self._clients.pop(connection, None)
        if client is not None:
            self._counts[client] -= 1
            if not self._counts[client]:
                del self._counts[client]

    def wait(self, connection: Connection) -> None:
        """Note that the client has to send or to take something. One that waits already keeps its place."""
        if connection not in self._clients or connection in self._all_waiting:
            return
        client = self._clients[connection]
        self._all_waiting[connection] = None
        waiting = self._waiting.setdefault(client, {})
        waiting[connection] = None
        self._sort(client, len(waiting) - 1, len(waiting))

    def work(self, connection: Connection) -> None:
        """Note that the app has to answer."""
        if connection not in self._all_waiting:
            return
        del self._all_waiting[connection]
        client = self._clients[connection]
        waiting = self._waiting[client]
        del waiting[connection]
        self._sort(client, len(waiting) + 1, len(waiting))
        if not waiting:
            del self._waiting[client]

    def _sort(self, client: str | None, before: int, now: int) -> None:
        """Keep the crowds in step with how many connections of the client wait."""
        if client is None:
            return
        if before:
            del self._crowds[before][client]
            if not self._crowds[before]:
                del self._crowds[before]
        if now:
            self._crowds.setdefault(now, {})[client] = None

    def _is_over(self, client: str | None) -> bool:
        return len(self) > self._most or self._has_too_many(client)

    def _has_too_many(self, client: str | None) -> bool:
        return client is not None and self._counts[client] > self._most_of_a_client

    def _victim(self, client: str | None) -> Connection | None:
        if self._has_too_many(client):
            return next(iter(self._waiting.get(client, {})), None)
        if len(self) <= self._most:
            return None
        largest = max(self._crowds, default=1)
        if largest == 1:
            return next(iter(self._all_waiting), None)
        return next(iter(self._waiting[next(iter(self._crowds[largest]))]))
