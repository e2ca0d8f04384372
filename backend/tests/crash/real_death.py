"""Ends a real process at each moment of a use case.

`python -m tests.crash.real_death FOLDER CASE ...` prints the result.

Each use case runs in a forked child that ends by os._exit with whatever it has open. The fake store lives outside of
the process, so the child writes it to a file at its last moment. The output is JSON and maps each case to the
contents of database and store after each of `crash_points.moments_of`.
"""

import asyncio
import json
import os
import pickle
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from sqlmodel import select

from app.core.db import Database
from app.models import User, Video
from app.services.sweep.bucket import MARKER_KEY
from tests.crash.conftest import NewWorlds
from tests.crash.crash_points import Point, moments_of, record
from tests.crash.process import Fault, Process, WatchedDatabase
from tests.crash.use_cases import USE_CASES, UseCase
from tests.crash.world import World
from tests.databases import SqliteDatabases
from tests.factories import insert_user
from tests.fakes import FakeClock, InMemoryStorage

_RANDOM = {"id", "user_id", "object_key", "object_token", "upload_id", "lease_owner"}
_KILLED = 9


async def what_is_left(database: Database, store: InMemoryStorage) -> dict[str, Any]:
    """Return what outlives a process. Random IDs appear only as present or absent."""
    async with database.reading() as session:
        rows = [row.model_dump(mode="json") for row in await session.scalars(select(Video))]
        reserved = list(await session.scalars(select(User.reserved_bytes)))
    for row in rows:
        row |= {name: row[name] is not None for name in _RANDOM}
        if row["postponed"]:
            row["due_at"] = "by chance"
    return {
        "rows": rows,
        "reserved": reserved,
        "objects": sorted(found.etag for key, found in store.objects.items() if key != MARKER_KEY),
        "marker": MARKER_KEY in store.objects,  # It contains the random name of the database.
        "uploads": sorted(
            sorted(upload.parts) for upload in store._uploads.values()
        ),  # also what no port shows
    }


class _RealProcess(Process):
    def __init__(self, plan: Mapping[int, Fault] | None, store: InMemoryStorage, left: Path) -> None:
        super().__init__(plan)
        self._store = store
        self._left = left

    def _strike(self, name: str, fault: Fault) -> NoReturn:  # noqa: ARG002  # every fault here is a death
        self._left.write_bytes(pickle.dumps((self._store.objects, self._store._uploads)))
        os._exit(_KILLED)


class _MortalWorld(World):
    left: Path

    def _new_process(self, plan: Mapping[int, Fault] | None) -> Process:
        return _RealProcess(plan, self.store, self.left)


async def _live_and_die(url: str, folder: Path, case: UseCase, point: Point) -> None:
    world = _MortalWorld(WatchedDatabase(url, keeps_threads=True), folder)
    world.left = folder / "left"
    world.user = await insert_user(world.application, "no password fits")
    await case.arrange(world)
    await world.restart(point.plan)
    await world.run(case.act)


def _after_death(databases: SqliteDatabases, folder: Path, case: UseCase, point: Point) -> dict[str, Any]:
    url = databases.new()
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(_live_and_die(url, folder, case, point))
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != _KILLED:
        sys.exit(f"{case.name} did not die at {point}")

    async def look() -> dict[str, Any]:
        store = InMemoryStorage(FakeClock())
        store.objects, store._uploads = pickle.loads((folder / "left").read_bytes())  # noqa: S301  # our own
        database = Database(url)
        try:
            return await what_is_left(database, store)
        finally:
            await database.close()

    left = asyncio.run(look())
    databases.discard(url)
    return left


def main(folder: Path, names: Sequence[str]) -> None:
    databases = SqliteDatabases()

    try:
        told = {}
        for case in (case for case in USE_CASES if case.name in names):
            calls = asyncio.run(record(NewWorlds(databases.new(), folder), case))
            told[case.name] = [_after_death(databases, folder, case, point) for point in moments_of(calls)]
    finally:
        databases.close()
    print(json.dumps(told))  # noqa: T201  # the answer


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
