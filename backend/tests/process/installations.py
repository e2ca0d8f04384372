"""Slipway as it is run, with every process of it for the taking: on one machine, and on PostgreSQL with workers."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from app.adapters.s3 import S3Storage, make_signer
from app.bootstrap import embedded_connection
from app.core.config import Settings
from app.embedded import free_port
from tests.contract.engines import BUCKET, s3_connection
from tests.engines.embedded import EmbeddedStore
from tests.engines.postgres import PostgresServer
from tests.engines.slipway import SlipwayProcess


class Installation(Protocol):
    app: SlipwayProcess
    victims: Mapping[str, Callable[[], None]]
    """What can be killed: each is kill -9 of it, and a new start where nobody else starts it."""

    def end_all(self) -> None:
        """kill -9 of everything at once; nothing is started again."""
        ...

    def start_again(self) -> None: ...

    def settings(self) -> Settings: ...

    def storage(self) -> S3Storage:
        """The store itself; whoever takes it closes it."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OneMachine:
    """`make run`: the app, the embedded store it starts, SQLite."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._environment = dict(environment)
        self.app = SlipwayProcess(folder / "data", environment)
        self.victims: Mapping[str, Callable[[], None]] = {
            "app": self._kill_app,
            "store": self.app.kill_store,  # the app starts it again
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
        return read_settings({**self._environment, "SLIPWAY_DATA_DIR": str(self.app.data_dir)})

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
    """The app and a worker on PostgreSQL and an S3 that belongs to neither."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._database = PostgresServer(survives_kill=True)
        self._store = EmbeddedStore(folder / "store", port=free_port("127.0.0.1"))
        self._folder = folder
        self._environment = dict(environment)
        self._worker: subprocess.Popen[bytes] | None = None
        self._ending = ExitStack()
        self.victims: Mapping[str, Callable[[], None]] = {
            "app": self._kill_app,
            "worker": self._kill_worker,
            "store": self._kill_store,
            "database": self._database.kill_and_restart,
            "all": self._kill_all,
        }

    def _kill_app(self) -> None:
        self.app.kill_group()
        self.app.start()

    def _kill_worker(self) -> None:
        self._end_worker()
        self._start_worker()

    def _kill_store(self) -> None:
        self._store.kill()
        self._store.start()

    def _kill_all(self) -> None:
        self.end_all()
        self.start_again()

    def end_all(self) -> None:
        self._end_worker()
        self.app.kill_group()
        self._store.kill()
        self._database.kill_and_restart()

    def start_again(self) -> None:
        self._store.start()
        self.app.start()
        self._start_worker()

    def _start_worker(self) -> None:
        with (self._folder / "worker.log").open("ab") as log:
            self._worker = subprocess.Popen(
                [str(Path(sys.executable).parent / "slipway"), "worker"],
                stdout=log,
                stderr=log,
                env={"PATH": os.environ["PATH"], **self._environment},
                cwd=self._folder,
            )

    def _end_worker(self) -> None:
        if self._worker is None:
            return
        worker, self._worker = self._worker, None
        if worker.poll() is None:
            worker.kill()
            worker.wait()
            return
        # A worker that finds no database as it starts says so and ends; whoever runs it starts it again, as we do.
        log = (self._folder / "worker.log").read_text()
        assert "the database cannot be opened" in log.splitlines()[-1], log[-2000:]

    def settings(self) -> Settings:
        return read_settings(self._environment)

    def storage(self) -> S3Storage:
        keys = self._store.credentials
        connection = s3_connection(self._store.endpoint_url, keys.access_key_id, keys.secret_access_key)
        return S3Storage(connection, make_signer(connection))

    def __enter__(self) -> Self:
        self._ending.callback(self._database.stop)
        self._database.start()
        self._ending.enter_context(self._store)
        self._store.client().create_bucket(Bucket=BUCKET)
        self._environment |= {
            "DATABASE_URL": self._database.url(self._database.create_database()),
            "S3_ENDPOINT_URL": self._store.endpoint_url,
            "S3_BUCKET": BUCKET,
            "AWS_ACCESS_KEY_ID": self._store.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self._store.credentials.secret_access_key,
        }
        self.app = SlipwayProcess(self._folder / "data", self._environment)
        self._ending.callback(self.app.stop)
        self.app.start()
        self._ending.callback(self._end_worker)
        self._start_worker()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()


def read_settings(environment: Mapping[str, str]) -> Settings:
    """As the processes read them."""
    given = {name.lower(): value for name, value in environment.items()}
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]  # text, as an environment gives it
