"""The implementation of the LimitCounters port in Redis. Only LIMITS_URL needs its packages in memory."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import structlog
from limits.aio.storage import RedisStorage
from limits.errors import StorageError
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from app.ports import LimitCounters

log = structlog.get_logger()

T = TypeVar("T")

_REDIS_SECONDS: Final = 1.0
"""Longest wait for Redis. A request must end within 10 s, and a wrong password asks four times."""
_ASK_AGAIN_SECONDS: Final = 5.0
"""While Redis is down, only one request in this time waits for it."""


class RedisCounters:
    """Counters of all processes, in Redis. While it doesn't answer, `own` counts for this process.

    Refusing would keep everybody out, and letting pass would free the guesses of passwords.
    """

    def __init__(self, url: str, own: LimitCounters) -> None:
        self._storage = RedisStorage(
            f"async+{url}",
            wrap_exceptions=True,
            implementation="redispy",
            key_prefix="slipway",
            socket_timeout=_REDIS_SECONDS,
            socket_connect_timeout=_REDIS_SECONDS,
            # A connection that Redis closed is opened anew.
            retry=Retry(NoBackoff(), 1),  # type: ignore[arg-type]  # passed on to redis-py
        )
        self._own = own
        self._is_down = False
        self._ask_again_at = 0.0

    async def hit(self, key: str, seconds: int) -> int:
        return await self._ask(lambda: self._storage.incr(key, seconds), lambda: self._own.hit(key, seconds))

    async def count(self, key: str) -> int:
        return await self._ask(lambda: self._storage.get(key), lambda: self._own.count(key))

    async def seconds_left(self, key: str) -> float:
        return await self._ask(lambda: self._left(key), lambda: self._own.seconds_left(key))

    async def clear(self, key: str) -> None:
        await self._ask(lambda: self._storage.clear(key), lambda: self._own.clear(key))

    async def close(self) -> None:
        await self._storage.bridge.storage.aclose()  # type: ignore[attr-defined]  # undeclared there

    async def _left(self, key: str) -> float:
        # The library adds this machine's time.
        return max(0.0, await self._storage.get_expiry(key) - time.time())

    async def _ask(self, redis: Callable[[], Awaitable[T]], own: Callable[[], Awaitable[T]]) -> T:
        loop = asyncio.get_running_loop()
        if loop.time() < self._ask_again_at:
            return await own()
        try:
            async with asyncio.timeout(_REDIS_SECONDS):
                answer = await redis()
        except (StorageError, TimeoutError, OSError) as error:
            self._ask_again_at = loop.time() + _ASK_AGAIN_SECONDS
            if not self._is_down:
                log.warning("limits.unavailable", cause=type(error.__cause__ or error).__name__)
            self._is_down = True
            return await own()
        if self._is_down:
            log.info("limits.available")
        self._is_down = False
        return answer
