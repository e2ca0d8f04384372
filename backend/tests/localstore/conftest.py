"""Fixtures with a running store, a store without patches, and a factory of stores."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from localstore.options import ALL_PATCHES
from tests.engines.embedded import EmbeddedStore
from tests.localstore.s3 import BUCKET, PAGE

MakeStore = Callable[..., EmbeddedStore]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store"), origins=[PAGE]) as running:
        running.client().create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture(scope="session")
def unpatched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """A running store without any patch."""
    with EmbeddedStore(tmp_path_factory.mktemp("unpatched"), origins=[PAGE], without=ALL_PATCHES) as running:
        running.client().create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[MakeStore]:
    """Return a function that creates a store in this test's folder, without starting it."""
    with ExitStack() as stack:

        def make(**options: Any) -> EmbeddedStore:
            made = EmbeddedStore(tmp_path / "store", **{"origins": [PAGE], **options})
            stack.callback(lambda: made.kill() if made.is_running else None)
            return made

        yield make
