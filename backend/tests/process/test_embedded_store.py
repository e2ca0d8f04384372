"""The embedded store's watcher goes on where a restart fails."""

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from app.embedded import EmbeddedStoreProcess
from tests.engines.ports import free_port
from tests.waiting import wait_until


async def test_a_restart_that_fails_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = EmbeddedStoreProcess(tmp_path / "store", "127.0.0.1", free_port(), [])
    await store.start()
    first = store.pid
    assert first is not None
    spawn = asyncio.create_subprocess_exec
    refused = 0

    async def out_of_descriptors_once(*arguments: Any, **options: Any) -> asyncio.subprocess.Process:
        nonlocal refused
        if refused == 0:
            refused += 1
            raise OSError(24, "Too many open files")
        return await spawn(*arguments, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", out_of_descriptors_once)
    try:
        os.kill(first, signal.SIGKILL)
        await asyncio.to_thread(wait_until, lambda: store.pid not in (first, None), "another store process")
        assert refused == 1
    finally:
        await store.stop()
