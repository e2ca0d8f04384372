"""Starts each real engine once a session."""

import os
from collections.abc import Generator, Iterator, Mapping

import pytest

from tests.contract.engines import LINGERING, Difference, Engine, MemoryEngine, S3Engine
from tests.contract.storage_page import SUITE, Results
from tests.engines import ceph_rgw
from tests.engines.ceph_rgw import CephRgw
from tests.engines.embedded import EmbeddedStore

KNOWN_DIFFERENCES: Mapping[str, frozenset[Difference]] = {
    "memory": frozenset(),
    # Swift 2.38.3 with localstore's patches.
    "embedded": LINGERING | {Difference.WRONG_TOTAL_IS_TAKEN},
    # RADOS Gateway 16.2.
    "ceph": frozenset(
        {
            Difference.SECOND_COMPLETE_SUCCEEDS,
            Difference.COMPLETE_OVERWRITES,
            Difference.UNNAMED_PART_IS_REFUSED,
            Difference.COMPLETE_OF_NOTHING_IS_500,
            Difference.WRONG_TOTAL_IS_TAKEN,
        }
    ),
}


RESULTS = Results()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Record the result of each test on its engine, for the page."""
    report = yield
    if isinstance(item, pytest.Function) and item.path.name == SUITE and report.when == "call":
        parameters = item.callspec.params
        RESULTS.note(str(parameters["engine"]), item.originalname.removeprefix("test_"), report.passed)
    return report


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the comparison with the page last, after all results that it contains."""
    items.sort(key=lambda item: item.path.name == "test_storage_page.py")


@pytest.fixture(scope="session")
def embedded_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Engine]:
    with EmbeddedStore(tmp_path_factory.mktemp("contract-store")) as store:
        keys = store.credentials
        engine = S3Engine(
            "embedded",
            store.endpoint_url,
            keys.access_key_id,
            keys.secret_access_key,
            KNOWN_DIFFERENCES["embedded"],
        )
        yield engine
        engine.close()


@pytest.fixture(scope="session")
def ceph_engine() -> Iterator[S3Engine]:
    if not ceph_rgw.is_installed():
        if os.environ.get("CI") == "true":
            pytest.fail("radosgw is missing; `make tools` gets it")
        pytest.skip("radosgw is not installed; `make tools` gets it")
    with CephRgw() as ceph:
        engine = S3Engine(
            "ceph",
            ceph.endpoint_url,
            ceph_rgw.ACCESS_KEY_ID,
            ceph_rgw.SECRET_ACCESS_KEY,
            KNOWN_DIFFERENCES["ceph"],
        )
        yield engine
        engine.close()


@pytest.fixture(params=["embedded", "ceph"])
def s3_engine(request: pytest.FixtureRequest) -> S3Engine:
    """Each real engine."""
    engine: S3Engine = request.getfixturevalue(f"{request.param}_engine")
    return engine


@pytest.fixture(params=["memory", "memory that lingers", "embedded", "ceph"])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine, including the fake."""
    if request.param.startswith("memory"):
        return MemoryEngine(lingers=request.param != "memory")
    real: S3Engine = request.getfixturevalue(f"{request.param}_engine")
    return real
