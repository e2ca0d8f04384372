"""Measure ways to search the names of a user with 1,000,000 videos beside one with 10, on both databases.

A table has what a search reads. Each way finds the newest 10 videos for the beginning of a name, which 100 of the names
have. Both users are asked in turn, and medians count. Prints a table and writes bench/results/name_search.json.
docs/decisions/0020-search-reads-the-users-names.md chooses among them.
"""

# ruff: noqa: S608  # its own statements

import json
import re
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from tests.engines.postgres import PostgresServer  # noqa: E402  # after the path to the tests

MANY, FEW = 1_000_000, 10
ROUNDS = 30
ADDED = 10_000
PART = "img_00000"
Run = Callable[[str, Sequence[Any]], list[Any]]
Row = tuple[int, int, str, int]
"""The number, the user, the name and the time of a video."""

NEWEST = "ORDER BY made DESC LIMIT 10"
BEGINS = "user_id = {0} AND name >= {0} AND name < {0}"
WAYS = {
    "names are read": f"SELECT id FROM names WHERE user_id = {{0}} AND {{position}}(name, {{0}}) > 0 {NEWEST}",
    "beginning of the name": f"SELECT id FROM names WHERE {BEGINS} {NEWEST}",
    "beginning of a word": f"SELECT id FROM words WHERE {BEGINS} {NEWEST}",
}
TRIGRAMS = {
    "SQLite": "SELECT id FROM trigrams JOIN names ON id = trigrams.rowid WHERE trigrams MATCH {0} AND user_id = {0} "
    + NEWEST,
    "PostgreSQL": "SELECT id FROM names WHERE user_id = {0} AND name LIKE {0} " + NEWEST,
}
AFTER = "\U0010ffff"
"""No name has a greater character behind the part."""


def rows_of(user: int, count: int) -> Iterator[Row]:
    for number in range(count):
        yield user * 10_000_000 + number, user, f"img_{number:07}.mov", number * 7919 % 1_000_003


def words_of(rows: Sequence[Row]) -> list[Row]:
    """A video has one row for each place where a word begins, with the rest of the name."""
    return [
        (video, user, name[place.start() :], made)
        for video, user, name, made in rows
        for place in re.finditer(r"[^\W_]+", name)
    ]


@contextmanager
def sqlite() -> Iterator[tuple[Run, Callable[[str, list[Row]], None]]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(sqlite3.connect(Path(folder) / "names.db")) as connection,
    ):
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(
            "CREATE VIRTUAL TABLE trigrams USING fts5(name, tokenize = 'trigram', content = '', detail = full)"
        )

        def run(statement: str, values: Sequence[Any]) -> list[Any]:
            return connection.execute(statement, values).fetchall()

        def add(table: str, rows: list[Row]) -> None:
            with connection:
                if table == "trigrams":
                    named = [(row[0], row[2]) for row in rows]
                    connection.executemany("INSERT INTO trigrams (rowid, name) VALUES (?, ?)", named)
                else:
                    connection.executemany(f"INSERT INTO {table} VALUES (?, ?, ?, ?)", rows)

        yield run, add


@contextmanager
def postgresql() -> Iterator[tuple[Run, Callable[[str, list[Row]], None]]]:
    server = PostgresServer()
    server.start()
    try:
        address = server.url(server.create_database()).replace("postgresql+psycopg", "postgresql")
        with psycopg.connect(address, autocommit=True) as connection:

            def run(statement: str, values: Sequence[Any]) -> list[Any]:
                cursor = connection.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

            def add(table: str, rows: list[Row]) -> None:
                if table == "trigrams":
                    return  # An index of `names`.
                with connection.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    for row in rows:
                        copy.write_row(row)

            yield run, add
    finally:
        server.stop()


def measure(kind: str) -> dict[str, Any]:
    is_sqlite = kind == "SQLite"
    mark, position = ("?", "instr") if is_sqlite else ("%s", "strpos")
    bytewise = "" if is_sqlite else ' COLLATE "C"'
    trigrams = TRIGRAMS[kind]
    with sqlite() if is_sqlite else postgresql() as (run, add):
        for table in ("names", "words"):
            key = " PRIMARY KEY" if table == "names" else ""
            run(f"CREATE TABLE {table} (id bigint{key}, user_id int, name text{bytewise}, made bigint)", ())
            run(f"CREATE INDEX {table}_of_user ON {table} (user_id, name, made, id)", ())
        if not is_sqlite:
            run("CREATE EXTENSION pg_trgm", ())
            run("CREATE EXTENSION btree_gin", ())
            run("CREATE INDEX trigrams ON names USING gin (user_id, name gin_trgm_ops)", ())
        added = {}
        rows = [*rows_of(1, FEW), *rows_of(2, MANY), *rows_of(3, ADDED)]
        for table in ("names", "words", "trigrams"):
            given = words_of(rows) if table == "words" else rows
            share = len(given) - len(given) * ADDED // len(rows)
            add(table, given[:share])
            began = time.perf_counter()
            add(table, given[share:])
            added[table] = round((time.perf_counter() - began) * 1000)
        run("ANALYZE" if is_sqlite else "VACUUM ANALYZE", ())
        word = PART.rpartition("_")[2]
        statements = {
            "names are read": (WAYS["names are read"], [PART]),
            "beginning of the name": (WAYS["beginning of the name"], [PART, PART + AFTER]),
            "beginning of a word": (WAYS["beginning of a word"], [word, word + AFTER]),
            "trigrams": (trigrams, [f'"{PART}"' if is_sqlite else f"%{PART.replace('_', chr(92) + '_')}%"]),
        }
        found = {}
        for way, (template, parts) in statements.items():
            statement = template.format(mark, position=position)
            user_comes_last = way == "trigrams" and is_sqlite
            found[way] = compare(partial(search, run, statement, parts, user_comes_last))
        return {"p50": found, "adding_10000_ms": added}


def search(run: Run, statement: str, parts: list[str], user_comes_last: bool, user: int) -> list[Any]:
    return run(statement, [*parts, user] if user_comes_last else [user, *parts])


def compare(searched: Callable[[int], list[Any]]) -> dict[str, float]:
    """Return the median milliseconds of both users, and their ratio."""
    took: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(ROUNDS):
        for user, times in took.items():
            began = time.perf_counter()
            if len(searched(user)) != 10:
                raise RuntimeError("the search found too few")
            times.append((time.perf_counter() - began) * 1000)
    few, many = (statistics.median(times) for times in took.values())
    return {"few_ms": round(few, 3), "many_ms": round(many, 3), "ratio": round(many / few, 2)}


def main() -> int:
    found = {kind: measure(kind) for kind in ("SQLite", "PostgreSQL")}
    folder = ROOT / "bench/results"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "name_search.json").write_text(json.dumps({"rows": [FEW, MANY], **found}, indent=2) + "\n")
    say(f"| p50 of a search, ms | {' | '.join(found)} |\n|---|---|---|")
    for way in found["SQLite"]["p50"]:
        rows = (each["p50"][way] for each in found.values())
        cells = [f"{row['few_ms']} to {row['many_ms']}, {row['ratio']}" for row in rows]
        say(f"| {way} | {' | '.join(cells)} |")
    for table in found["SQLite"]["adding_10000_ms"]:
        cells = [str(each["adding_10000_ms"][table]) for each in found.values()]
        say(f"| adding 10,000 to {table} | {' | '.join(cells)} |")
    return 0


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
