"""Runs commands in this process, over the fakes."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app import cli, cli_support
from app.bootstrap import Application
from app.core.config import Settings
from tests.factories import make_application
from tests.fakes import FakeClock, FakeProbe, InMemoryStorage

Command = Callable[..., Result]


@pytest.fixture
def run_in_this_process(
    database_url: str,
    tmp_path: Path,
    storage: InMemoryStorage,
    clock: FakeClock,
    monkeypatch: pytest.MonkeyPatch,
) -> Command:
    """Return a function that runs `slipway` with these arguments. With `typed`, it has a terminal."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SLIPWAY_DATA_DIR", str(tmp_path))
    monkeypatch.setattr(cli_support, "configure_logging", lambda **_: None)

    def build(settings: Settings) -> Application:
        return make_application(settings, clock, storage, FakeProbe())

    def run(*arguments: str, typed: str | None = None) -> Result:
        monkeypatch.setattr(cli_support, "has_terminal", lambda: typed is not None)
        return CliRunner().invoke(cli.app, list(arguments), input=typed)

    monkeypatch.setattr(cli_support, "build", build)
    return run


async def run_in_thread(command: Command, *arguments: str, typed: str | None = None) -> Result:
    """Run the command with an event loop of its own."""
    return await asyncio.to_thread(command, *arguments, typed=typed)
