"""Measure a page of the list of a user with 1,000,000 videos beside that of a user with 10, on both databases.

Each order, one status and a search by the beginning of a name, as requests to the app in this process. Both users are
asked in turn, and medians count. Prints a table and writes bench/results/video_list.json.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from app.domain.video_list import VideoSort, name_key  # noqa: E402  # after the path to the app
from app.main import create_app  # noqa: E402
from app.models import User, Video  # noqa: E402
from tests import factories  # noqa: E402
from tests.databases import PostgresDatabases, SqliteDatabases  # noqa: E402
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage  # noqa: E402

ROWS = 1_000_000
FEW = 10
ROUNDS = 200
BATCH = 20_000
TARGET = 1.5
QUERIES: dict[str, dict[str, str]] = {
    **{sort: {"sort": sort} for sort in VideoSort},
    "status": {"status": "ready"},
    "prefix search": {"q": "img_00000"},
    "prefix search by name": {"q": "img_00000", "sort": "name"},
}


async def measure(make: Callable[[], Any]) -> dict[str, dict[str, float]]:
    with closing(make()) as databases, tempfile.TemporaryDirectory() as folder:
        settings = factories.make_settings(databases.new(), Path(folder))
        clock = FakeClock()
        application = factories.make_application(settings, clock, InMemoryStorage(clock), FakeProbe())
        clients = {}
        app = create_app(application)
        for rows in (FEW, ROWS):
            user = await factories.insert_user(application, "no password fits")
            await fill(application, user, rows)
            token = await factories.insert_session(application, user, "bearer")
            clients[rows] = httpx.AsyncClient(
                transport=httpx.ASGITransport(app),
                base_url=factories.APP_URL,
                headers={"Authorization": f"Bearer {token}"},
            )
        if not application.database.is_sqlite:
            async with application.database.engine.connect() as connection:
                autocommit = await connection.execution_options(isolation_level="AUTOCOMMIT")
                await autocommit.execute(text("SET statement_timeout = 0"))
                await autocommit.execute(text("VACUUM ANALYZE videos"))
        found = {name: await compare(clients, query) for name, query in QUERIES.items()}
        for client in clients.values():
            await client.aclose()
        await application.close()
    return found


async def fill(application: Any, user: User, rows: int) -> None:
    """Insert ready videos, whose names, sizes and durations differ. Every tenth duration is unknown."""
    now = application.clock.now()
    table = Video.__table__  # type: ignore[attr-defined]
    for start in range(0, rows, BATCH):
        values = [row_of(user, number, now) for number in range(start, min(start + BATCH, rows))]
        async with application.database.transaction() as session:
            await session.execute(table.insert(), values)


def row_of(user: User, number: int, now: Any) -> dict[str, Any]:
    name = f"IMG_{number:07}.MOV"
    return {
        "id": uuid.uuid4(),
        "user_id": user.id,
        "original_filename": name,
        "name_key": name_key(name),
        "content_type": "video/quicktime",
        "declared_container": "mov",
        "size_bytes": number * 7919 % 2_000_000_011 + 1,
        "part_size_bytes": 5 * 1024**2,
        "object_key": f"videos/{user.id}/{number}",
        "etags_are_md5": True,
        "object_token": "t",
        "status": "ready",
        "attempts": 0,
        "postponed": 0,
        "reserved_bytes": 0,
        "duration_ms": None if number % 10 == 0 else number * 104_729 % 7_200_000,
        "metadata_complete": True,
        "created_at": now - timedelta(seconds=number),
    }


async def compare(clients: dict[int, httpx.AsyncClient], query: dict[str, str]) -> dict[str, float]:
    """Return the median milliseconds of both users, and their ratio."""
    took: dict[int, list[float]] = {rows: [] for rows in clients}
    for turn in range(ROUNDS + 10):
        for rows, client in clients.items():
            began = time.perf_counter()
            answer = await client.get("/api/v1/videos", params={**query, "limit": FEW})
            elapsed = (time.perf_counter() - began) * 1000
            if answer.status_code != 200 or len(answer.json()["items"]) != FEW:
                raise RuntimeError(answer.text)
            if turn >= 10:
                took[rows].append(elapsed)
    few, many = (statistics.median(took[rows]) for rows in (FEW, ROWS))
    return {"few_ms": round(few, 2), "many_ms": round(many, 2), "ratio": round(many / few, 2)}


def main() -> int:
    found = {
        "SQLite": asyncio.run(measure(SqliteDatabases)),
        "PostgreSQL": asyncio.run(measure(PostgresDatabases)),
    }
    results = {"rows": [FEW, ROWS], "target_ratio": TARGET, "p50": found}
    folder = ROOT / "bench" / "results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "video_list.json").write_text(json.dumps(results, indent=2) + "\n")
    say(f"| p50 of a page of {FEW}, ms | {' | '.join(found)} |")
    say(f"|---|{'---|' * len(found)}")
    for name in QUERIES:
        cells = [f"{f[name]['few_ms']} to {f[name]['many_ms']}, {f[name]['ratio']}" for f in found.values()]
        say(f"| {name} | {' | '.join(cells)} |")
    worst = max(row["ratio"] for rows in found.values() for row in rows.values())
    say(f"Target, a ratio of at most {TARGET}: {'met' if worst <= TARGET else 'MISSED'} ({worst}).")
    return 0 if worst <= TARGET else 1


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
