"""Faults that `fault_proxy` can inject, and the requests they match."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tests.engines.fault_proxy import Exchange


@dataclass
class Seen:
    """A request without its signature, so it may be printed."""

    method: str
    path: str
    query: Mapping[str, str]
    sender: str
    """The User-Agent, which tells concurrent scenarios apart."""
    received_bytes: int = 0
    """Bytes of the body so far."""
    status: int | None = None
    """Status of the answer, even if only a part of it was sent. None without an answer."""


@dataclass(frozen=True)
class Match:
    """Matches requests that have all of these."""

    method: str = ""
    path: str = ""
    """A substring of the path."""
    query: Mapping[str, str | None] = field(default_factory=dict)
    """Required parameters. None allows any value."""
    sender: str = ""
    """A substring of the User-Agent."""

    def fits(self, request: Seen) -> bool:
        return (
            self.method in ("", request.method)
            and self.path in request.path
            and self.sender in request.sender
            and all(
                name in request.query and value in (None, request.query[name])
                for name, value in self.query.items()
            )
        )


def part(number: int | None = None, sender: str = "") -> Match:
    """Match PUTs of this part, or of any part."""
    return Match("PUT", query={"partNumber": None if number is None else str(number)}, sender=sender)


STORE_COMPLETE = Match("POST", query={"uploadId": None})
"""CompleteMultipartUpload, as the app sends it."""


class Fault(Protocol):
    async def play(self, exchange: "Exchange") -> None:
        """Do this instead of forwarding the request and its answer."""


@dataclass(frozen=True)
class ResetBefore:
    """Resets the connection after the head. The upstream receives nothing."""

    async def play(self, exchange: "Exchange") -> None:
        exchange.reset()


@dataclass(frozen=True)
class Reset:
    """Resets both connections after this share of the body. With 0 it does so after the head."""

    share: float

    async def play(self, exchange: "Exchange") -> None:
        await exchange.send_on(round(self.share * (exchange.head.length or 0)))
        exchange.reset()


@dataclass(frozen=True)
class CutAnswer:
    """Lets the upstream handle the request, sends this share of its answer, then closes the connection."""

    share: float

    async def play(self, exchange: "Exchange") -> None:
        await exchange.relay(deliver=self.share)


LOST_ANSWER = CutAnswer(0.0)


@dataclass(frozen=True)
class Answer:
    """Reads the body and answers in place of the upstream."""

    status: int
    body: bytes = b""
    is_readable: bool = True
    """With CORS headers. Without them a page sees a network error."""
    is_passed_on: bool = False
    """The upstream also gets the request, and its answer is discarded."""

    async def play(self, exchange: "Exchange") -> None:
        if self.is_passed_on:
            await exchange.relay(deliver=0.0, breaks=False)
        else:
            await exchange.drain()
        await exchange.answer(self.status, self.body, is_readable=self.is_readable)


def s3_error(status: int, code: str, *, is_readable: bool = True, is_passed_on: bool = False) -> Answer:
    body = f"<?xml version='1.0' encoding='UTF-8'?><Error><Code>{code}</Code><Message>no</Message></Error>"
    return Answer(status, body.encode(), is_readable, is_passed_on)


@dataclass(frozen=True)
class RefuseHeader:
    """Answers requests that have this header in place of the upstream."""

    name: str
    answer: Answer

    async def play(self, exchange: "Exchange") -> None:
        if self.name in exchange.head.headers:
            await self.answer.play(exchange)
        else:
            await exchange.relay()


@dataclass(frozen=True)
class Hang:
    """Never answers. Reads the whole body, or nothing after the head."""

    reads_body: bool = True

    async def play(self, exchange: "Exchange") -> None:
        if not self.reads_body:
            await exchange.wait_for_end_of_proxy()
        await exchange.drain()
        await exchange.wait_until_client_leaves()


@dataclass(frozen=True)
class Throttle:
    """Reads the body at no more than this speed."""

    bytes_per_second: float

    async def play(self, exchange: "Exchange") -> None:
        await exchange.relay(self._paced(exchange.body()))

    async def _paced(self, body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        due = clock()
        async for piece in body:
            # Lost time is not made up for, as on a real link.
            due = max(due, clock()) + len(piece) / self.bytes_per_second
            yield piece
            await asyncio.sleep(due - clock())


@dataclass(frozen=True)
class DelayUntilExpired:
    """Pass the request on after its presigned URL has expired."""

    async def play(self, exchange: "Exchange") -> None:
        assert exchange.url_expires_at is not None
        # The URL's date has no fraction of a second.
        refused_from = exchange.url_expires_at + timedelta(seconds=1)
        await asyncio.sleep((refused_from - datetime.now(UTC)).total_seconds())
        await exchange.relay()


@dataclass(frozen=True)
class Corrupt:
    """Changes the byte at this share of the body."""

    share: float = 0.5

    async def play(self, exchange: "Exchange") -> None:
        await exchange.relay(self._changed(exchange.body(), int(self.share * (exchange.head.length or 0))))

    @staticmethod
    async def _changed(body: AsyncIterator[bytes], at: int) -> AsyncIterator[bytes]:
        begin = 0
        async for piece in body:
            if begin <= at < begin + len(piece):
                index = at - begin
                yield piece[:index] + bytes([piece[index] ^ 0xFF]) + piece[index + 1 :]
            else:
                yield piece
            begin += len(piece)


class Rule:
    """A fault for matching requests, with a count of its hits."""

    def __init__(self, match: Match, fault: Fault, times: int | None) -> None:
        self.match = match
        self.fault = fault
        self.hits = 0
        self._times = times

    def takes(self, request: Seen) -> bool:
        if not self.match.fits(request) or (self._times is not None and self.hits >= self._times):
            return False
        self.hits += 1
        return True
