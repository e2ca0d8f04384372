"""Limits how many requests of one client Swift prepares to answer at the same time.

Until the first byte of an answer or of a body, a request costs some ten milliseconds of the store's one thread. If a
client began many at once, it would slow everybody down, and none of its own would be ready earlier.
"""

from collections.abc import Callable
from typing import Final
from weakref import WeakValueDictionary

from eventlet.semaphore import Semaphore

from localstore.places import Client

_STARTS_OF_CLIENT: Final = 4


class Starts:
    def __init__(self) -> None:
        self._of_client: WeakValueDictionary[Client, Semaphore] = WeakValueDictionary()

    def begin(self, client: Client) -> Callable[[], None]:
        """Wait for the client's earlier requests. Return a function that ends this start, also if called twice.

        Proxies, through which many clients come, and programs of this machine do not wait.
        """
        if not client.is_limited:
            return lambda: None
        semaphore = self._of_client.setdefault(client, Semaphore(_STARTS_OF_CLIENT))
        semaphore.acquire()
        held = [semaphore]
        return lambda: held.pop().release() if held else None
