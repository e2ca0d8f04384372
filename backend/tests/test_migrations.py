"""Migrations and models describe the same schema, and every migration has a downgrade."""

import asyncio
import re
import shutil
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, event, inspect, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, SQLModel, select
from structlog.testing import capture_logs

from app import models
from app.bootstrap import Application
from app.core import schema
from app.core.schema import CannotDowngrade, NoDatabase, SchemaOutdated, SchemaTooNew
from app.models import User, Video
from app.runtime import running
from app.services.processing import METADATA_COLUMNS
from tests.conftest import MakeVideo
from tests.databases import Databases, PostgresDatabases
from tests.factories import read_video
from tests.waiting import TIMEOUT_SECONDS


@pytest.fixture
def bare_url(databases: Databases) -> Iterator[str]:
    """A database without a schema."""
    url = databases.new_without_schema()
    yield url
    databases.discard(url)


@pytest.fixture
def engine(bare_url: str) -> Iterator[Engine]:
    made = schema.sync_engine(bare_url)
    yield made
    made.dispose()


VERSIONS = Path(schema.__file__).parents[1] / "alembic" / "versions"
REVISIONS = sorted(file.name.partition("_")[0] for file in VERSIONS.glob("*.py"))
DOES_NOTHING = {"0004"}


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


def description(engine: Engine) -> dict[str, object]:
    """Return every column, index, key, constraint and function of the database."""
    found = inspect(engine)
    return {
        "functions": functions(engine),
        **{
            table: (
                [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
                found.get_pk_constraint(table),
                sorted(found.get_foreign_keys(table), key=str),
                sorted(found.get_unique_constraints(table), key=str),
                sorted(comparable(index) for index in found.get_indexes(table)),
            )
            for table in found.get_table_names()
        },
    }


def comparable(index: Mapping[str, Any]) -> str:
    """Replace the condition's object, which equals no other, by its text."""
    conditions = {name: str(value) for name, value in index.get("dialect_options", {}).items()}
    return str({**index, "dialect_options": conditions})


def functions(engine: Engine) -> list[str]:
    if engine.dialect.name == "sqlite":
        return []
    ours = "SELECT oid::regprocedure::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"
    with engine.connect() as connection:
        return sorted(connection.scalars(text(ours)))


def test_models_match_migrations(bare_url: str, engine: Engine) -> None:
    schema.upgrade(bare_url)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, SQLModel.metadata)

    assert differences == []


def test_upgrade_is_idempotent(bare_url: str, engine: Engine) -> None:
    schema.upgrade(bare_url)
    before = description(engine)

    schema.upgrade(bare_url)

    assert description(engine) == before


def test_migrates_from_a_folder_with_a_percent_sign(
    bare_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "50%" / "alembic"
    shutil.copytree(schema._MIGRATIONS, copied)
    monkeypatch.setattr(schema, "_MIGRATIONS", copied)
    schema.upgrade(bare_url)
    assert schema.database_revision(bare_url) == schema.head_revision()


def test_downgrades_to_nothing_and_upgrades_again(bare_url: str, engine: Engine) -> None:
    schema.upgrade(bare_url)
    whole = description(engine)

    command.downgrade(schema.alembic_config(bare_url), "base")
    assert tables(engine) <= {"alembic_version"}
    assert functions(engine) == []
    schema.upgrade(bare_url)

    assert description(engine) == whole


def test_downgrades_and_upgrades_each_version(bare_url: str, engine: Engine) -> None:
    schema.upgrade(bare_url)
    whole = description(engine)

    for step in reversed(REVISIONS):
        before = description(engine)
        command.downgrade(schema.alembic_config(bare_url), "-1")
        assert not schema.is_current(bare_url)
        assert (description(engine) == before) is (step in DOES_NOTHING), step
    schema.upgrade(bare_url)

    assert description(engine) == whole


# --- upgrades that are stopped, or run at once ------------------------------------------------------------------


@contextmanager
def at_each_statement(do: Callable[[Engine, str], None]) -> Iterator[None]:
    """Call `do` before each statement of any engine, with the engine and the statement."""

    def hook(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        do(connection.engine, statement)

    event.listen(Engine, "before_cursor_execute", hook)
    try:
        yield
    finally:
        event.remove(Engine, "before_cursor_execute", hook)


def committed(engine: Engine) -> list[str]:
    """Return what another connection sees of the schema and its revision, without waiting for a lock."""
    of_the_schema = {
        "sqlite": "SELECT sql FROM sqlite_master",
        "postgresql": "SELECT relname || '.' || attname FROM pg_attribute JOIN pg_class ON attrelid = pg_class.oid "
        "WHERE relnamespace = current_schema()::regnamespace",
    }
    with engine.connect() as connection:
        found = sorted(map(str, connection.scalars(text(of_the_schema[engine.dialect.name]))))
        if any("alembic_version" in line for line in found):
            found += connection.scalars(text("SELECT version_num FROM alembic_version")).all()
        return found


@pytest.mark.parametrize(("direction", "goal"), [("upgrade", "head"), ("downgrade", "base")])
def test_stopped_migration_changes_nothing(bare_url: str, engine: Engine, direction: str, goal: str) -> None:
    """At no statement is a part of the changes committed, which would stay if the process ended there."""
    migrate = getattr(command, direction)
    if direction == "downgrade":
        schema.upgrade(bare_url)
    before = committed(engine)
    left: dict[str, list[str]] = {}

    def look(running: Engine, statement: str) -> None:
        if running is not engine and (after := committed(engine)) != before:
            left[statement] = after

    with at_each_statement(look):
        migrate(schema.alembic_config(bare_url), goal)

    assert left == {}
    assert committed(engine) != before


def test_stopped_upgrade_can_be_made_again(bare_url: str) -> None:
    command.upgrade(schema.alembic_config(bare_url), "0012")

    def stop(_: Engine, statement: str) -> None:
        if "ADD COLUMN remove_at" in statement:
            raise KeyboardInterrupt

    with at_each_statement(stop), pytest.raises(KeyboardInterrupt):
        schema.upgrade(bare_url)
    schema.upgrade(bare_url)

    assert schema.is_current(bare_url)


async def test_upgrade_waits_for_another(bare_url: str) -> None:
    """The second takes no step that the first has taken."""
    await asyncio.to_thread(command.upgrade, schema.alembic_config(bare_url), "0015")
    first = schema.migration_engine(bare_url)
    waits = threading.Event()

    def notice(running: Engine, statement: str) -> None:
        if running is not first and ("BEGIN" in statement or "lock" in statement):
            waits.set()

    with first.begin() as connection, at_each_statement(notice):
        second = asyncio.create_task(asyncio.to_thread(schema.upgrade, bare_url))
        assert await asyncio.to_thread(waits.wait, TIMEOUT_SECONDS)
        connection.exec_driver_sql("ALTER TABLE sessions ADD COLUMN address varchar(64)")
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0016_from_0015'")
    await second
    first.dispose()

    assert schema.is_current(bare_url)


async def test_previous_version_writes_to_new_schema(
    bare_url: str, engine: Engine, make_video: MakeVideo, user: User
) -> None:
    """Its processes keep running after an upgrade, and name only the columns that they know."""
    config = schema.alembic_config(bare_url)
    await asyncio.to_thread(command.upgrade, config, REVISIONS[-2])
    known = columns(engine)
    await asyncio.to_thread(schema.upgrade, bare_url)
    video = await make_video("ready")
    now = user.created_at
    signed_in = models.Session(
        user_id=user.id, token_hash="x", kind="bearer", created_at=now, last_seen_at=now, expires_at=now
    )

    insert_known_columns(engine, user, video, signed_in, known=known)

    with Session(engine) as session:
        assert session.get_one(models.Session, signed_in.id).address is None
        written = session.get_one(Video, video.id)
    assert written.name_key in ("", video.name_key)
    new = (set(METADATA_COLUMNS) | {"name_key"}) - known["videos"]
    assert written.model_dump(exclude=new) == video.model_dump(exclude=new)
    assert all(not getattr(written, name) for name in new)


def columns(engine: Engine) -> dict[str, set[str]]:
    return {name: {column["name"] for column in inspect(engine).get_columns(name)} for name in tables(engine)}


def insert_known_columns(engine: Engine, *rows: SQLModel, known: dict[str, set[str]] | None = None) -> None:
    """Insert the rows as a version does that knows these columns, by default those that the database has."""
    known = known or columns(engine)
    with engine.begin() as connection:
        for row in rows:
            mapped = inspect(type(row))
            values = {each.columns[0].name: getattr(row, each.key) for each in mapped.column_attrs}
            table = mapped.local_table
            connection.execute(table.insert().values({name: values[name] for name in known[table.name]}))


async def test_upgrade_fills_names(bare_url: str, engine: Engine, make_video: MakeVideo, user: User) -> None:
    await asyncio.to_thread(command.upgrade, schema.alembic_config(bare_url), "0012")
    names = ["Größe.mp4", "IMG 1.MOV", "x.mp4"]
    made = [await make_video("ready", original_filename=name) for name in names]
    insert_known_columns(engine, user, *made)

    await asyncio.to_thread(schema.upgrade, bare_url)

    with Session(engine) as session:
        assert {video.name_key for video in session.exec(select(Video))} == {
            "grösse.mp4",
            "img 1.mov",
            "x.mp4",
        }


def test_silent_host_times_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema, "CONNECT_SECONDS", 2)  # libpq's minimum
    with socket.create_server(("127.0.0.1", 0)) as silent:
        with pytest.raises(OperationalError, match="timeout"):
            schema.is_current(f"postgresql+psycopg://127.0.0.1:{silent.getsockname()[1]}/slipway")


@pytest.fixture
def on_postgresql(postgres: PostgresDatabases) -> Iterator[Callable[[], Engine]]:
    """Connect to databases without a schema."""
    with ExitStack() as stack:

        def new() -> Engine:
            engine = schema.sync_engine(postgres.new_without_schema())
            stack.callback(engine.dispose)
            return engine

        yield new


def test_operator_may_drop_old_queue(
    postgres: PostgresDatabases, on_postgresql: Callable[[], Engine]
) -> None:
    """An upgrade keeps the old job queue, which old processes still use. Then the operator drops it."""
    fresh, upgraded = on_postgresql(), on_postgresql()
    schema.upgrade(url_of(fresh))
    config = schema.alembic_config(url_of(upgraded))
    command.upgrade(config, "0003")
    with upgraded.begin() as connection:
        connection.exec_driver_sql(OLD_QUEUE)
    command.stamp(config, "0004")

    schema.upgrade(url_of(upgraded))

    assert tables(upgraded) == tables(fresh) | {"procrastinate_jobs", "procrastinate_events"}
    with upgraded.begin() as connection:
        connection.exec_driver_sql("INSERT INTO procrastinate_jobs (queueing_lock) VALUES ('a video')")
    postgres.server.psql(upgraded.url.database or "", documented_drop())
    assert description(upgraded) == description(fresh)
    with upgraded.connect() as connection:
        types = text("SELECT typname FROM pg_type WHERE typname LIKE '%procrastinate%'")
        assert connection.scalars(types).all() == []


def url_of(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=False)


OLD_QUEUE = """
CREATE TYPE procrastinate_job_status AS ENUM ('todo', 'doing');
CREATE TYPE procrastinate_job_to_defer_v1 AS (queue_name text);
CREATE TABLE procrastinate_jobs (
    id bigserial PRIMARY KEY, queueing_lock text, status procrastinate_job_status DEFAULT 'todo'
);
CREATE TABLE procrastinate_events (id bigserial PRIMARY KEY, job_id bigint REFERENCES procrastinate_jobs);
CREATE FUNCTION procrastinate_defer_jobs_v1(jobs procrastinate_job_to_defer_v1[]) RETURNS bigint
    LANGUAGE sql AS 'SELECT 1::bigint';
CREATE FUNCTION procrastinate_fetch_job_v2(worker bigint) RETURNS procrastinate_jobs
    LANGUAGE sql AS 'SELECT * FROM procrastinate_jobs LIMIT 1';
CREATE FUNCTION procrastinate_notify_v1() RETURNS trigger
    LANGUAGE plpgsql AS 'BEGIN INSERT INTO procrastinate_events (job_id) VALUES (NEW.id); RETURN NEW; END';
CREATE TRIGGER procrastinate_notify AFTER INSERT ON procrastinate_jobs
    FOR EACH ROW EXECUTE PROCEDURE procrastinate_notify_v1();
"""
"""One of each kind of thing in Procrastinate 3.10's schema, with the dependencies between them."""


def documented_drop() -> str:
    page = Path(__file__).parents[2] / "docs/how-to/postgresql.md"
    (block,) = re.findall(r"<<'SQL'\n(.*?)^SQL$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return str(block)


def test_empty_or_old_database_is_not_current(bare_url: str) -> None:
    assert not schema.is_current(bare_url)

    schema.upgrade(bare_url)

    assert schema.is_current(bare_url)


def test_history_is_linear_and_numbered() -> None:
    """schema.head_revision returns the newest file's ID without Alembic."""
    scripts = ScriptDirectory.from_config(schema.alembic_config("sqlite://"))

    assert scripts.get_heads() == [schema.head_revision()]
    newest_first = [script.revision for script in scripts.walk_revisions()]
    assert [revision.partition("_")[0] for revision in newest_first] == REVISIONS[::-1]


# --- old code on a newer schema ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shape:
    """What code that inserts into a table depends on."""

    columns: dict[str, Any]
    rules: frozenset[str]


Tables = dict[str, Shape]


def changes_that_break(older: Tables, newer: Tables) -> list[str]:
    """Return what the code of the older schema can't live with on the newer one."""
    found = [f"{table} is gone" for table in older if table not in newer]
    for table in older.keys() & newer.keys():
        before, after = older[table], newer[table]
        found += [f"{table}.{name} is gone" for name in before.columns.keys() - after.columns.keys()]
        for name, column in after.columns.items():
            old = before.columns.get(name)
            if old is None and not column["nullable"] and column["default"] is None:
                found.append(f"{table}.{name} must be given")
            if old is not None and (str(old["type"]), old["nullable"]) != (
                str(column["type"]),
                column["nullable"],
            ):
                found.append(f"{table}.{name} is another")
        found += [f"{table} must obey {rule}" for rule in after.rules - before.rules]
    return sorted(found)


def shapes(engine: Engine) -> Tables:
    found = inspect(engine)
    return {
        table: Shape(
            {column["name"]: column for column in found.get_columns(table)},
            frozenset(
                str(rule["name"])
                for rules in (
                    found.get_unique_constraints,
                    found.get_foreign_keys,
                    found.get_check_constraints,
                )
                for rule in rules(table)
            ),
        )
        for table in found.get_table_names()
    }


def shapes_of(bare_url: str, engine: Engine) -> dict[str, Tables]:
    """Return the tables of each schema by its number."""
    found = {}
    for revision in REVISIONS:
        command.upgrade(schema.alembic_config(bare_url), revision)
        found[revision] = shapes(engine)
    return found


def test_older_code_runs_where_a_migration_says_so(bare_url: str, engine: Engine) -> None:
    tables_of = shapes_of(bare_url, engine)

    for script in ScriptDirectory.from_config(schema.alembic_config(bare_url)).walk_revisions():
        number, _, runs_from = script.revision.partition("_from_")
        if runs_from:
            assert changes_that_break(tables_of[runs_from], tables_of[number]) == [], script.revision
    assert changes_that_break(tables_of["0014"], tables_of["0015"]) == []
    assert changes_that_break(tables_of["0004"], tables_of["0005"]) == []
    assert "installation.audit_losses is gone" in changes_that_break(tables_of["0007"], tables_of["0008"])


@pytest.fixture
def newer_schema(database_url: str) -> Iterator[Callable[[str], None]]:
    """Make the database's schema that of a newer version, with this ID, a further table and a further column."""
    engine = schema.sync_engine(database_url)

    def make(revision: str) -> None:
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS of_the_future (id integer PRIMARY KEY)")
            if "mood" not in columns(engine)["videos"]:
                connection.exec_driver_sql("ALTER TABLE videos ADD COLUMN mood varchar(8)")
            connection.execute(text("UPDATE alembic_version SET version_num = :it"), {"it": revision})

    yield make
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS of_the_future")
        if "mood" in columns(engine)["videos"]:
            connection.exec_driver_sql("ALTER TABLE videos DROP COLUMN mood")
        connection.execute(
            text("UPDATE alembic_version SET version_num = :it"), {"it": schema.head_revision()}
        )
    engine.dispose()


async def test_runs_on_a_newer_schema_that_allows_it_and_says_so(
    application: Application, newer_schema: Callable[[str], None], make_video: MakeVideo
) -> None:
    newer_schema(f"9999_from_{REVISIONS[-1]}")

    with capture_logs() as lines:
        async with running(application):
            video = await make_video("ready")
            assert (await application.videos.get(video.user_id, video.id)).id == video.id

    (said,) = [line for line in lines if line["event"] == "schema.newer"]
    assert (said["schema_version"], said["database_schema"]) == (
        schema.head_revision(),
        f"9999_from_{REVISIONS[-1]}",
    )
    (started,) = [line for line in lines if line["event"] == "process.started"]
    assert started["schema_version"] == schema.head_revision()


@pytest.mark.parametrize("revision", ["9999", "9999_from_9998", "27c6a30d7c24"])
async def test_refuses_a_newer_schema_that_does_not_allow_it(
    application: Application, newer_schema: Callable[[str], None], revision: str
) -> None:
    newer_schema(revision)

    with pytest.raises(SchemaTooNew, match=f"schema {revision} of a newer version"):
        async with running(application):
            raise AssertionError("it started")


def test_undoes_steps_that_say_what_is_lost(bare_url: str) -> None:
    schema.upgrade(bare_url)

    while schema.database_revision(bare_url) != "0010":
        step = schema.step_back(bare_url)
        assert step.loses
        schema.downgrade(bare_url, step)
        assert schema.database_revision(bare_url) == step.goes_to
    # Its undoing would enable deleted accounts.
    with pytest.raises(CannotDowngrade, match="Restore a backup"):
        schema.step_back(bare_url)


def test_undoes_no_step_of_another_version(
    database_url: str, newer_schema: Callable[[str], None], bare_url: str
) -> None:
    newer_schema(f"9999_from_{REVISIONS[-1]}")

    with pytest.raises(CannotDowngrade, match="Use the version that did"):
        schema.step_back(database_url)
    with pytest.raises(CannotDowngrade, match="empty"):
        schema.step_back(bare_url)


def test_says_that_there_is_no_database(bare_url: str) -> None:
    """A command without the service's settings would otherwise be told to make one."""
    with pytest.raises(NoDatabase, match="right") as raised:
        schema.require_usable(bare_url)

    url = make_url(bare_url)
    is_sqlite = url.get_backend_name() == "sqlite"
    for said in (str(raised.value), schema.what_is_new(bare_url)):
        assert (f"at {url.database}." in said) is is_sqlite
        assert "://" not in said


async def test_refuses_to_start_with_old_schema(application: Application, database_url: str) -> None:
    await asyncio.to_thread(command.downgrade, schema.alembic_config(database_url), "-1")

    try:
        with pytest.raises(SchemaOutdated, match="slipway db upgrade"):
            async with running(application):
                raise AssertionError("it started")
    finally:
        await asyncio.to_thread(schema.upgrade, database_url)


async def test_rows_read_as_written(application: Application, make_video: MakeVideo, user: User) -> None:
    """Times are aware and in UTC to the microsecond, and large numbers are exact."""
    moment = application.clock.now().replace(microsecond=123_456)
    video = await make_video(
        "ready",
        created_at=moment,
        size_bytes=2**40,
        duration_ms=2**40,
        bit_rate=2**40,
        frame_rate=29.97,
        original_filename="é🎬\u202e.mp4",
    )

    row = await read_video(application, video.id)

    assert row == video
    assert (row.created_at, row.created_at.tzname()) == (moment, "UTC")
    assert (row.user_id, row.size_bytes, row.frame_rate) == (user.id, 2**40, 29.97)
