"""Run the embedded store as a child process, and restart it when it dies."""

import asyncio
import contextlib
import errno
import json
import os
import platform
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog

from app.core.operator_errors import OperatorError
from app.core.tasks import cancel_and_wait

log = structlog.get_logger()

_READY_SECONDS = 30.0
_STOP_SECONDS = 5.0
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 10.0


class StoreNotStarted(OperatorError):
    pass


class EmbeddedStoreProcess:
    """The child process. It ends when this process does, because we hold the other end of its stdin."""

    def __init__(
        self,
        data_dir: Path,
        host: str,
        port: int,
        origins: Sequence[str],
        *,
        any_local_origin: bool = False,
        proxies: Sequence[str] = (),
    ) -> None:
        self._address = (host, port)
        self._arguments = [
            *(sys.executable, "-m", "localstore", "--data-dir", str(data_dir)),
            *("--host", host, "--port", str(port)),
            *(argument for origin in origins for argument in ("--origin", origin)),
            *(argument for proxy in proxies for argument in ("--proxy", proxy)),
            *(["--any-local-origin"] if any_local_origin else []),
        ]
        self._process: asyncio.subprocess.Process | None = None
        self._watch: asyncio.Task[None] | None = None
        self._held: socket.socket | None = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    def has_listener(self) -> bool:
        """Return whether a process listens at the store's address, such as another Slipway's store."""
        try:
            socket.create_connection(self._address, 1).close()
        except OSError:
            return False
        return True

    async def start(self) -> None:
        """Return when the store answers. Raise StoreNotStarted."""
        if platform.system() != "Linux":
            raise StoreNotStarted(
                f"The embedded store runs only on Linux and this is {platform.system()}. Run Slipway in Docker, "
                "WSL 2 or a Linux virtual machine, or set S3_BUCKET and S3_ENDPOINT_URL to another S3."
            )
        self._hold_ipv6_loopback()
        await self._spawn()
        self._watch = asyncio.create_task(self._keep_alive())

    async def stop(self) -> None:
        if self._watch:
            await cancel_and_wait([self._watch])
        if self._process and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
            try:
                async with asyncio.timeout(_STOP_SECONDS):
                    await self._process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
                await self._process.wait()
        if self._held:
            self._held.close()

    def _hold_ipv6_loopback(self) -> None:
        """Keep other programs from the store's port at ::1, which browsers try first for localhost.

        A socket that is bound and does not listen refuses connections. Raise StoreNotStarted.
        """
        host, port = self._address
        if host not in ("127.0.0.1", "0.0.0.0"):  # noqa: S104  # compared, not bound
            return
        try:
            held = socket.socket(socket.AF_INET6)
        except OSError:
            return  # without IPv6 nobody can listen there
        try:
            held.bind(("::1", port))
        except OSError as error:
            held.close()
            if error.errno == errno.EADDRINUSE:
                raise StoreNotStarted(
                    f"Port {port} on ::1 is in use, and browsers would find that program at localhost. Stop it, "
                    "or set SLIPWAY_STORE_PORT to a free port."
                ) from error
        else:
            self._held = held

    async def _spawn(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # In a session of its own, because after Ctrl-C we let requests finish before the store ends.
                start_new_session=True,
                # Without the app's secrets, because this process receives bytes from browsers.
                env={name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ},
            )
        except OSError as error:
            raise StoreNotStarted(f"This machine cannot start another process: {error}.") from error
        self._process = process
        if process.stdout is None:
            raise StoreNotStarted("The embedded store has no output to say that it is ready.")
        try:
            async with asyncio.timeout(_READY_SECONDS):
                line = await process.stdout.readline()
        except TimeoutError:
            line = b""
        event = _event(line)
        if event.get("event") != "ready":
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
            raise StoreNotStarted(event.get("reason", "The embedded store did not start. See its log."))
        log.info("store.ready", pid=process.pid, port=event.get("port"))

    async def _keep_alive(self) -> None:
        wait = _FIRST_WAIT_SECONDS
        while True:
            if self._process is not None:
                status = await self._process.wait()
                log.error("store.ended", status=status, restart_in_seconds=wait)
            await asyncio.sleep(wait)
            try:
                await self._spawn()
                wait = _FIRST_WAIT_SECONDS
            except StoreNotStarted as error:
                self._process = None  # nothing to wait for before the next attempt
                wait = min(wait * 2, _LONGEST_WAIT_SECONDS)
                log.error("store.not_restarted", reason=str(error), again_in_seconds=wait)


def _event(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}


def free_port(host: str) -> int:
    """Return a port without a listener."""
    family, kind, _, _, address = socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind) as probe:
        probe.bind(address)
        port: int = probe.getsockname()[1]
        return port
