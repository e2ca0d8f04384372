"""Attack one port with idle and slow connections, as a process of its own. Used by store_floods.py.

Prints `ready` when all connections were opened once, goes on until its stdin closes, and opens again what the server
closes, at most `RATE` a second. Every attack is bounded in connections, and ends after `MOST_SECONDS`.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import sys
import threading

RATE = 200
MOST_SECONDS = 120.0
DRIP_SECONDS = 5.0
HEADER_LINE = b"X-A: " + b"a" * 4000 + b"\r\n"
HEADER_BYTES = 400 * 1024 * 1024


class Attacker:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.port: int = arguments.port
        self.kind: str = arguments.kind
        self.connections: int = arguments.connections
        self.addresses: int = arguments.addresses
        self.head = arguments.head.encode("latin-1").decode("unicode_escape").encode("latin-1")
        self.sent = 0
        self._turn = asyncio.Lock()

    async def run(self) -> None:
        opened = [asyncio.Event() for _ in range(self.connections)]
        tasks = [asyncio.create_task(self._keep(number, event)) for number, event in enumerate(opened)]
        for event in opened:
            await event.wait()
        print("ready", flush=True)  # noqa: T201
        await asyncio.gather(*tasks)

    async def _keep(self, number: int, opened: asyncio.Event) -> None:
        source = f"127.0.0.{2 + number % self.addresses}"
        while True:
            async with self._turn:
                await asyncio.sleep(1 / RATE)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(source, 0))
                opened.set()
                try:
                    await self._hold(reader, writer)
                finally:
                    writer.close()
            opened.set()

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.kind == "silent":
            await reader.read(1)
        elif self.kind == "headers":
            writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n")
            while not reader.at_eof() and self.sent < HEADER_BYTES:
                writer.write(HEADER_LINE * 16)
                self.sent += len(HEADER_LINE) * 16
                await writer.drain()
            await reader.read()
        elif self.kind == "repeat":
            while True:
                writer.write(self.head)
                answer = await reader.readuntil(b"\r\n\r\n")
                length = answer.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
        else:
            writer.write(self.head)
            answer = asyncio.create_task(reader.read(1))
            while not answer.done():
                writer.write(b"a")
                await writer.drain()
                await asyncio.wait([answer], timeout=DRIP_SECONDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=["silent", "drip", "headers", "repeat"])
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--connections", type=int, required=True)
    parser.add_argument(
        "--addresses",
        type=int,
        default=1,
        help="how many of 127.0.0.2 to 127.0.0.250 to use",
    )
    parser.add_argument(
        "--head",
        default="",
        help="what `drip` and `repeat` send, with \\r\\n written out",
    )
    attacker = Attacker(parser.parse_args())
    loop = asyncio.new_event_loop()
    task = loop.create_task(attacker.run())

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(task.cancel)

    threading.Thread(target=wait_for_end, daemon=True).start()
    loop.call_later(MOST_SECONDS, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        loop.run_until_complete(task)


if __name__ == "__main__":
    main()
