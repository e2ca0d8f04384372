"""Slipway with a fault proxy on each way: page to API, page to store, app to store."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.engines.embedded import EmbeddedStore
from tests.engines.fault_proxy import FaultProxy
from tests.engines.slipway import BUCKET, SlipwayProcess


@dataclass(frozen=True)
class World:
    """`origin` is where browsers find the page; each proxy stands in the way it is named after."""

    slipway: SlipwayProcess
    page_to_api: FaultProxy
    page_to_store: FaultProxy
    app_to_store: FaultProxy | None
    """None: the store is the app's own, which finds it directly."""

    @property
    def origin(self) -> str:
        return self.page_to_api.origin


@contextmanager
def near_store(data_dir: Path, settings: dict[str, str] | None = None) -> Iterator[World]:
    """The store is embedded: the app starts it, and starts it again when it dies."""
    with FaultProxy() as page_to_api, FaultProxy() as page_to_store:
        slipway = SlipwayProcess(
            data_dir,
            {
                "APP_ORIGINS": page_to_api.origin,
                "S3_PUBLIC_ENDPOINT_URL": page_to_store.origin,
                **(settings or {}),
            },
        )
        page_to_api.upstream_port = slipway.port
        page_to_store.upstream_port = slipway.store_port
        with slipway:
            yield World(slipway, page_to_api, page_to_store, None)


@contextmanager
def far_store(data_dir: Path, settings: dict[str, str] | None = None) -> Iterator[World]:
    """The app reaches its store over a network that may break."""
    with ExitStack() as stack:
        page_to_api, page_to_store, app_to_store = (stack.enter_context(FaultProxy()) for _ in range(3))
        # In the app's folder, so that SlipwayProcess finds its keys there.
        store = stack.enter_context(EmbeddedStore(data_dir / "store", origins=[page_to_api.origin]))
        store.client().create_bucket(Bucket=BUCKET)
        slipway = SlipwayProcess(
            data_dir,
            {
                "APP_ORIGINS": page_to_api.origin,
                "S3_ENDPOINT_URL": app_to_store.origin,
                "S3_PUBLIC_ENDPOINT_URL": page_to_store.origin,
                "S3_BUCKET": BUCKET,
                "AWS_ACCESS_KEY_ID": store.credentials.access_key_id,
                "AWS_SECRET_ACCESS_KEY": store.credentials.secret_access_key,
                **(settings or {}),
            },
        )
        slipway.store_port = store.port
        page_to_api.upstream_port = slipway.port
        page_to_store.upstream_port = app_to_store.upstream_port = store.port
        slipway.start()
        stack.callback(slipway.stop)
        yield World(slipway, page_to_api, page_to_store, app_to_store)
