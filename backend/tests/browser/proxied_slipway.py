"""Slipway with fault proxies from page to API, page to store, and app to store."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.engines.embedded import EmbeddedStore
from tests.engines.fault_proxy import FaultProxy
from tests.engines.slipway import BUCKET, LIMITS_OF_USERS, SlipwayProcess


@dataclass(frozen=True)
class ProxiedSlipway:
    """`origin` is the address of the page. Each proxy is named after its connection."""

    slipway: SlipwayProcess
    page_to_api: FaultProxy
    page_to_store: FaultProxy
    app_to_store: FaultProxy | None
    """None if the app uses its own store, which needs no proxy."""

    @property
    def origin(self) -> str:
        return self.page_to_api.origin


@contextmanager
def embedded_store(data_dir: Path, settings: dict[str, str] | None = None) -> Iterator[ProxiedSlipway]:
    """Yield an installation with the embedded store. The app starts it, and restarts it when it dies."""
    with FaultProxy() as page_to_api, FaultProxy() as page_to_store:
        slipway = SlipwayProcess(
            data_dir,
            {
                "APP_ORIGINS": page_to_api.origin,
                "S3_PUBLIC_ENDPOINT_URL": page_to_store.origin,
                **LIMITS_OF_USERS,
                **(settings or {}),
            },
        )
        page_to_api.upstream_port = slipway.port
        page_to_store.upstream_port = slipway.store_port
        with slipway:
            yield ProxiedSlipway(slipway, page_to_api, page_to_store, None)


@contextmanager
def remote_store(data_dir: Path, settings: dict[str, str] | None = None) -> Iterator[ProxiedSlipway]:
    """Yield an installation whose app reaches its store over a network."""
    with ExitStack() as stack:
        page_to_api, page_to_store, app_to_store = (stack.enter_context(FaultProxy()) for _ in range(3))
        # In the app's folder, where SlipwayProcess finds its keys.
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
                **LIMITS_OF_USERS,
                **(settings or {}),
            },
        )
        slipway.store_port = store.port
        page_to_api.upstream_port = slipway.port
        page_to_store.upstream_port = app_to_store.upstream_port = store.port
        slipway.start()
        stack.callback(slipway.stop)
        yield ProxiedSlipway(slipway, page_to_api, page_to_store, app_to_store)
