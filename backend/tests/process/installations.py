"""Installations whose processes a test can kill, on one machine or scaled."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from app.adapters.s3 import S3Storage
from app.adapters.s3_connection import make_signer
from app.bootstrap import embedded_connection
from app.core.config import Settings
from tests.contract.engines import s3_connection
from tests.engines import ceph_rgw
from tests.engines.scaled_slipway import ScaledSlipway
from tests.engines.slipway import WITH_QUICK_RECHECKS, SlipwayProcess


class Installation(Protocol):
    app: SlipwayProcess
    victims: Mapping[str, Callable[[], None]]
    """Kills each process with SIGKILL, and starts it again if nothing else does."""

    def end_all(self) -> None:
        """Kill all processes with SIGKILL."""
        ...

    def start_again(self) -> None: ...

    def settings(self) -> Settings: ...

    def storage(self) -> S3Storage:
        """Return the store itself. The caller closes it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OneMachine:
    """The app, the embedded store that it starts, and SQLite, as `make run` has them."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self.app = SlipwayProcess(folder / "data", environment)
        self.app.program = WITH_QUICK_RECHECKS
        self.victims: Mapping[str, Callable[[], None]] = {
            "app": self._kill_app,
            "store": self.app.kill_store,  # The app starts it again.
            "both": self._kill_both,
        }

    def _kill_app(self) -> None:
        self.app.kill_group()
        self.app.start()

    def _kill_both(self) -> None:
        self.end_all()
        self.app.start()

    def end_all(self) -> None:
        self.app.kill_store()
        self.app.kill_group()

    def start_again(self) -> None:
        self.app.wait_for_no_store()
        self.app.start()

    def settings(self) -> Settings:
        return read_settings(self.app.environment)

    def storage(self) -> S3Storage:
        connection = embedded_connection(self.settings(), self.app.store_port)
        return S3Storage(connection, make_signer(connection))

    def __enter__(self) -> Self:
        self.app.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.app.stop()


class Scaled:
    """An app and a worker on PostgreSQL and Ceph."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._slipway = ScaledSlipway(folder / "data", environment)
        self.app: SlipwayProcess = self._slipway
        self.app.program = WITH_QUICK_RECHECKS
        self.victims: Mapping[str, Callable[[], None]] = {
            "app": self._kill_app,
            "worker": self._kill_worker,
            "store": self._kill_store,
            "database": self._slipway.database.kill_and_restart,
            "all": self._kill_all,
        }

    def _kill_app(self) -> None:
        self.app.kill_group()
        self.app.start()

    def _kill_worker(self) -> None:
        self._slipway.end_worker()
        self._slipway.start_worker()

    def _kill_store(self) -> None:
        self._slipway.store.kill_gateway()
        self._slipway.store.start_gateway()

    def _kill_all(self) -> None:
        self.end_all()
        self.start_again()

    def end_all(self) -> None:
        self._slipway.end_worker()
        self.app.kill_group()
        self._slipway.store.kill_gateway()
        self._slipway.database.kill_and_restart()

    def start_again(self) -> None:
        self._slipway.store.start_gateway()
        self.app.start()
        self._slipway.start_worker()

    def settings(self) -> Settings:
        return read_settings(self._slipway.environment)

    def storage(self) -> S3Storage:
        connection = s3_connection(
            self._slipway.store.endpoint_url, ceph_rgw.ACCESS_KEY_ID, ceph_rgw.SECRET_ACCESS_KEY
        )
        return S3Storage(connection, make_signer(connection))

    def __enter__(self) -> Self:
        self._slipway.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._slipway.__exit__(kind, error, trace)


def read_settings(environment: Mapping[str, str]) -> Settings:
    """Read settings as the processes do."""
    given = {name.lower(): value for name, value in environment.items()}
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]  # text, as an environment gives it
