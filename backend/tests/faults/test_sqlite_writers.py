"""Ten concurrent writers on SQLite all succeed. None gets `database is locked`."""

import asyncio
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from app.core.db import Database
from tests.databases import SqliteDatabases

WRITERS, TURNS = 10, 10


async def write(database: Database) -> None:
    """Increment by a read and a write. An overlapping transaction would lose an increment."""
    for _ in range(TURNS):
        async with database.transaction() as session:
            value = (await session.execute(text("SELECT n FROM counter"))).scalar_one()
            await session.execute(text("UPDATE counter SET n = :n"), {"n": value + 1})


async def run_writers(url: str) -> None:
    database = Database(url)
    async with asyncio.TaskGroup() as group:
        for _ in range(WRITERS):
            group.create_task(write(database))
    await database.close()


async def test_two_processes_of_ten_writers_lose_nothing() -> None:
    databases = SqliteDatabases()
    url = databases.new()
    database = Database(url)
    async with database.transaction() as session:
        await session.execute(text("CREATE TABLE counter (n INTEGER NOT NULL)"))
        await session.execute(text("INSERT INTO counter VALUES (0)"))

    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            __spec__.name,
            url,
            cwd=Path(__file__).parents[2],
            stderr=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for process in processes:
        _, said = await process.communicate()
        assert process.returncode == 0, said.decode()

    async with database.reading() as session:
        assert (await session.execute(text("SELECT n FROM counter"))).scalar_one() == 2 * WRITERS * TURNS
    await database.close()
    databases.close()


if __name__ == "__main__":
    asyncio.run(run_writers(sys.argv[1]))
