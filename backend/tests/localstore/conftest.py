"""One running store for the whole session, one with every mend left out, and a maker for special ones."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from localstore.mends import ALL_MENDS
from tests.engines.embedded import EmbeddedStore
from tests.localstore.s3 import BUCKET, PAGE

MakeStore = Callable[..., EmbeddedStore]


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store"), origins=[PAGE]) as running:
        running.client().create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture(scope="session")
def unmended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    """Swift as it comes."""
    with EmbeddedStore(tmp_path_factory.mktemp("unmended"), origins=[PAGE], without=ALL_MENDS) as running:
        running.client().create_bucket(Bucket=BUCKET)
        yield running


@pytest.fixture
def make_store(tmp_path: Path) -> Iterator[MakeStore]:
    """Make a store on this test's own folder; it is not started yet, and gone after the test."""
    with ExitStack() as stack:

        def make(**options: Any) -> EmbeddedStore:
            made = EmbeddedStore(tmp_path / "store", **{"origins": [PAGE], **options})
            stack.callback(lambda: made.kill() if made.is_running else None)
            return made

        yield make
