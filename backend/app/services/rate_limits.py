"""Count requests in fixed windows, and refuse those over a limit."""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from limits import RateLimitItem

from app.domain.errors import RateLimited
from app.domain.limits import Limit
from app.ports import LimitCounters

_CLOCKS_DIFFER_BY: Final = 1.0
"""Seconds, between the processes that share a counter. They follow the database's clock within half a round trip."""


@dataclass(frozen=True)
class RateLimits:
    """A window begins with the first request that it counts."""

    counters: LimitCounters
    rules: Mapping[Limit, RateLimitItem]
    """A limit without a rule is off."""

    async def count(self, limit: Limit, *whom: str) -> None:
        """Count a request of `whom`. Raise RateLimited if the limit was used up before."""
        if (rule := self.rules.get(limit)) is None:
            return
        key = _key(limit, whom)
        length = rule.get_expiry()
        counted = await self.counters.hit(key, length)
        if counted <= rule.amount:
            return
        left = await self.counters.seconds_left(key)
        if left > length + _CLOCKS_DIFFER_BY:
            # The clock was set back since the window began. The window would last longer by as much.
            await self.counters.clear(key)
            counted = await self.counters.hit(key, length)
            left = length
        if counted > rule.amount:
            seconds = min(max(math.ceil(left), 1), length)
            raise RateLimited(limit, seconds, is_first=counted == rule.amount + 1)

    async def require_room(self, limit: Limit, *whom: str) -> None:
        """Raise RateLimited if the limit is used up. Only a refused request counts."""
        rule = self.rules.get(limit)
        if rule is not None and await self.counters.count(_key(limit, whom)) >= rule.amount:
            await self.count(limit, *whom)


def _key(limit: Limit, whom: tuple[str, ...]) -> str:
    """Return the counter's key, without the e-mail address or client address in it."""
    digest = hashlib.sha256("\0".join(whom).encode("utf-8", "surrogatepass")).hexdigest()
    return f"{limit}:{digest[:32]}"
