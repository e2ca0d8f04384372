"""Run a command of `slipway` on the built application, and talk to the operator."""

import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn, Protocol, TypeVar

import structlog
import typer
from pydantic import ValidationError

from app.bootstrap import Application, build
from app.core import private_files
from app.core.config import Settings
from app.core.logging import configure_logging
from app.core.operator_errors import sentence_for
from app.core.schema import require_usable
from app.core.storage_causes import cause_of
from app.domain.errors import StorageUnavailable
from app.embedded import StoreNotStarted

log = structlog.get_logger()

Result = TypeVar("Result")
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")]


def read_settings() -> Settings:
    """Read the settings, begin to log without their secrets, and keep the database private."""
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = ".".join(str(part).upper() for part in problem["loc"])
            message = problem["msg"].removeprefix("Value error, ")
            typer.echo(f"{name}: {message}" if name else message, err=True)
        raise typer.Exit(2) from None
    except UnicodeDecodeError:
        typer.echo(".env: it is not UTF-8. Save it in this encoding.", err=True)
        raise typer.Exit(2) from None
    except OSError as error:
        typer.echo(f".env: it cannot be read ({error.strerror}).", err=True)
        raise typer.Exit(2) from None
    configure_logging(secrets=settings.secret_values)
    for sentence in private_files.narrow_database(settings.effective_database_url):
        typer.echo(sentence, err=True)
    return settings


def with_application(
    work: Callable[[Application], Coroutine[Any, Any, Result]], *, needs_schema: bool = True
) -> Result:
    """Build the application, let it do this work, and close it.

    Without a schema nothing is built, because that would make the folder of the embedded store and its keys.
    """
    settings = read_settings()

    async def run(application: Application) -> Result:
        try:
            if needs_schema:
                await application.set_clock()
            return await work(application)
        finally:
            await application.close()

    with errors_as_sentences():
        if needs_schema:
            require_usable(settings.effective_database_url)
        return asyncio.run(run(build(settings)))


@contextmanager
def errors_as_sentences() -> Iterator[None]:
    """Print what an operator can correct, log other errors with their traceback, and exit with 1.

    `main` tells an OSError, also one of what is printed outside of this block.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter, OSError):
        raise
    except Exception as error:
        sentence = sentence_for(error)
        if sentence is None:
            log.exception("command.failed")
            raise typer.Exit(1) from None
        fail(sentence)


def has_terminal() -> bool:
    return sys.stdin.isatty()


def ask_password(*, twice: bool, err: bool = False) -> str:
    """Ask on a terminal, if `err` on standard error, else read a line from standard input."""
    if has_terminal():
        answer: str = typer.prompt("Password", hide_input=True, confirmation_prompt=twice, err=err)
        return answer
    try:
        return sys.stdin.readline().rstrip("\r\n")
    except UnicodeDecodeError:
        raise typer.BadParameter("The password is not UTF-8.") from None


def say(facts: Mapping[str, object], sentence: str, as_json: bool) -> None:
    typer.echo(json.dumps(facts) if as_json else sentence)


def card(rows: Mapping[str, str]) -> str:
    """Return a line for each fact, with the values below each other."""
    width = max(map(len, rows)) + 2
    return "\n".join(f"{label + ':':<{width}}{value}" for label, value in rows.items())


def columns(rows: Sequence[Sequence[str]]) -> str:
    """Return the rows as a table."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(map(str.ljust, row, widths)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def counted(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


class Bar(Protocol):
    pos: int

    def update(self, n_steps: int) -> None: ...


@contextmanager
def progress_bar(length: int, label: str) -> Iterator[Bar]:
    """Show a bar on a terminal, beside what the command prints."""
    hidden = not sys.stderr.isatty()
    with typer.progressbar(length=length, label=label, file=sys.stderr, hidden=hidden) as bar:
        yield bar


def store_runs(application: Application) -> bool:
    """Return whether there is a store to ask. An embedded one runs only with its app, and none is started."""
    return application.store is None or application.store.has_listener()


async def start_store_if_needed(application: Application) -> None:
    """Start the embedded store if no app runs it. An app does not start with a bucket to adopt."""
    store = application.store
    something_listens = store is not None and store.has_listener()
    try:
        if store and not something_listens:
            raise StorageUnavailable  # without a call, which would log an outage
        await application.storage.check()
    except StorageUnavailable as error:
        endpoint = application.connection.endpoint_url if application.connection else None
        if not store:
            bucket = application.settings.bucket
            where = endpoint or "AWS, which an empty S3_ENDPOINT_URL means"
            fail(f"The store does not answer at {where}, or has no bucket {bucket} for us. {cause_of(error)}")
        if something_listens:
            fail(
                f"The embedded store cannot be used at {endpoint}. If its key was rotated, restart Slipway first. If "
                f"another program listens there, set SLIPWAY_STORE_PORT to a free port. {cause_of(error)}"
            )
        try:
            await store.start()
        except StoreNotStarted as reason:
            fail(
                f"The embedded store does not answer at {endpoint} and cannot be started there. {reason} If "
                "`slipway serve` runs it at another port, use its SLIPWAY_HOST and SLIPWAY_STORE_PORT (a fixed one)."
            )


def fail(sentence: str) -> NoReturn:
    typer.echo(sentence, err=True)
    raise typer.Exit(1)
