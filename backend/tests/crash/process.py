"""Simulates one process of the app. It records the port calls and commits and injects faults.

Store, probe and database are wrapped, so product code is unchanged. A plan maps the index of a call, from 0, to a
fault. `Killed` ends the process. Product code does not catch it, and later calls of its `finally` blocks and tasks
are refused, so a dead process has no further effect.
"""

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

from app import services
from app.core.db import Database
from app.domain.errors import DatabaseUnavailable, StorageUnavailable
from app.ports import (
    CreatedUpload,
    FileToScan,
    ListedObject,
    MediaProbe,
    ObjectRange,
    ObjectStorage,
    OpenUpload,
    PresignedPart,
    Scanner,
    ScanVerdict,
    StoredObject,
    StoredPart,
    Versions,
)
from mediaprobe import Metadata
from tests.crash.inline_sqlite import use_inline_sqlite
from tests.fakes import When

Result = TypeVar("Result")
_SERVICES = str(Path(services.__file__).parent)


async def _at_once() -> None: ...


class Killed(BaseException):
    """The process died here."""


@dataclass(frozen=True)
class Fault:
    """A fault `before` a call, which then has no effect, or `after` it, when only its answer is lost."""

    when: When
    error: BaseException | None = None
    """Defaults to the unavailable error of the port."""
    takes_effect_late: bool = False
    """The call fails, and the store carries it out later. See `Process.late_effects`."""


class Process:
    def __init__(self, plan: Mapping[int, Fault] | None = None) -> None:
        self._plan = dict(plan or {})
        self.calls: list[str] = []
        """Names of the port calls and commits, in order."""
        self.dead = False
        self.struck_by: Fault | None = None
        """The last planned fault that happened."""
        self.late_effects: list[Callable[[], Awaitable[object]]] = []
        self.before_a_call: Callable[[], Awaitable[None]] = _at_once
        """What a call or transaction waits for. See orders.py."""

    async def call(self, name: str, effect: Callable[[], Awaitable[Result]]) -> Result:
        await self.before_a_call()
        fault = self.begin(name)
        if fault is not None and fault.takes_effect_late:
            self.late_effects.append(effect)
            self._strike(name, fault)
        try:
            result = await effect()
        except Exception:
            self.end(name, fault)
            raise
        self.end(name, fault)
        return result

    def begin(self, name: str) -> Fault | None:
        self._refuse_if_dead()
        fault = self._plan.get(len(self.calls))
        self.calls.append(name)
        if fault is not None and fault.when == "before" and not fault.takes_effect_late:
            self._strike(name, fault)
        return fault

    def end(self, name: str, fault: Fault | None) -> None:
        self._refuse_if_dead()
        if fault is not None:
            self._strike(name, fault)

    def expect(self, calls_ahead: int, fault: Fault) -> None:
        """Plan this fault for a later call, where 0 is the next."""
        self._plan = {len(self.calls) + calls_ahead: fault}

    def expect_no_more(self) -> None:
        self._plan = {}

    def kill(self) -> None:
        """Let nothing that this process does have an effect."""
        self.dead = True

    def _strike(self, name: str, fault: Fault) -> None:
        self.struck_by = fault
        self.dead = self.dead or isinstance(fault.error, Killed)
        raise fault.error or (DatabaseUnavailable() if is_commit(name) else StorageUnavailable())

    def _refuse_if_dead(self) -> None:
        if self.dead:
            raise Killed


class WatchedDatabase(Database):
    """One engine for many processes, because compiling its statements again takes most of a run.

    `close` ends all connections, as the end of a process does.
    """

    process: Process

    def __init__(self, url: str, *, keeps_threads: bool = False) -> None:
        super().__init__(url)
        if self.is_sqlite and not keeps_threads:
            use_inline_sqlite(self.engine)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        process = self.process
        name = f"commit {_calling_service()}"
        await process.before_a_call()
        async with super().transaction() as session:
            yield session
            fault = process.begin(name)
        process.end(name, fault)


class WatchedProbe:
    def __init__(self, inner: MediaProbe, process: Process) -> None:
        self._inner = inner
        self._process = process

    async def probe(self, object_key: str, etag: str) -> Metadata:
        return await self._process.call("probe", lambda: self._inner.probe(object_key, etag))


class WatchedScanner:
    def __init__(self, inner: Scanner, process: Process) -> None:
        self._inner = inner
        self._process = process

    async def scan(self, file: FileToScan) -> ScanVerdict:
        return await self._process.call("scan", lambda: self._inner.scan(file))


class WatchedStorage:
    def __init__(self, inner: ObjectStorage, process: Process) -> None:
        self._inner = inner
        self._process = process

    async def create_multipart_upload(
        self, object_key: str, content_type: str, content_disposition: str, metadata: Mapping[str, str]
    ) -> CreatedUpload:
        return await self._process.call(
            "create_multipart_upload",
            lambda: self._inner.create_multipart_upload(
                object_key, content_type, content_disposition, metadata
            ),
        )

    def presign_part(
        self,
        object_key: str,
        upload_id: str,
        part_number: int,
        size_bytes: int,
        now: datetime,
        ttl_seconds: int,
    ) -> PresignedPart:
        return self._inner.presign_part(object_key, upload_id, part_number, size_bytes, now, ttl_seconds)

    def presign_get(self, object_key: str, now: datetime, ttl_seconds: int) -> str:
        return self._inner.presign_get(object_key, now, ttl_seconds)

    async def list_parts(self, object_key: str, upload_id: str) -> list[StoredPart]:
        return await self._process.call("list_parts", lambda: self._inner.list_parts(object_key, upload_id))

    async def upload_part(self, object_key: str, upload_id: str, part_number: int, data: bytes) -> None:
        await self._process.call(
            "upload_part", lambda: self._inner.upload_part(object_key, upload_id, part_number, data)
        )

    async def part_etags_are_md5(self, object_key: str) -> bool:
        return await self._process.call(
            "part_etags_are_md5", lambda: self._inner.part_etags_are_md5(object_key)
        )

    async def complete_multipart_upload(
        self, object_key: str, upload_id: str, parts: Sequence[StoredPart], *, only_if_new: bool
    ) -> None:
        await self._process.call(
            "complete_multipart_upload",
            lambda: self._inner.complete_multipart_upload(
                object_key, upload_id, parts, only_if_new=only_if_new
            ),
        )

    async def abort_multipart_upload(self, object_key: str, upload_id: str) -> None:
        await self._process.call(
            "abort_multipart_upload", lambda: self._inner.abort_multipart_upload(object_key, upload_id)
        )

    async def head(self, object_key: str) -> StoredObject:
        return await self._process.call("head", lambda: self._inner.head(object_key))

    async def read_range(self, object_key: str, start: int, length: int, etag: str | None) -> ObjectRange:
        return await self._process.call(
            "read_range", lambda: self._inner.read_range(object_key, start, length, etag)
        )

    async def delete(self, object_key: str) -> None:
        await self._process.call("delete", lambda: self._inner.delete(object_key))

    async def list_uploads(self, prefix: str) -> AsyncIterator[OpenUpload]:
        for upload in await self._process.call(
            "list_uploads", lambda: _all(self._inner.list_uploads(prefix))
        ):
            yield upload

    async def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        for listed in await self._process.call(
            "list_objects", lambda: _all(self._inner.list_objects(prefix))
        ):
            yield listed

    async def versions(self) -> Versions:
        return await self._process.call("versions", self._inner.versions)

    async def put(self, object_key: str, data: bytes, content_type: str, *, only_if_new: bool) -> None:
        await self._process.call(
            "put", lambda: self._inner.put(object_key, data, content_type, only_if_new=only_if_new)
        )

    async def server_time(self) -> datetime:
        return await self._process.call("server_time", self._inner.server_time)

    async def check(self) -> None:
        await self._process.call("check", self._inner.check)


def is_commit(call: str) -> bool:
    return call.startswith("commit ")


def _calling_service() -> str:
    """Return the name of the innermost running function of app/services."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and not frame.f_code.co_filename.startswith(_SERVICES):
        frame = frame.f_back
    return "elsewhere" if frame is None else frame.f_code.co_name.strip("_")


async def _all(found: AsyncIterator[Result]) -> list[Result]:
    return [one async for one in found]
