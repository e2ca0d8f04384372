"""Slipway as an app and a worker on PostgreSQL and Ceph RGW."""

import subprocess
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.engines import ceph_rgw
from tests.engines.ceph_rgw import CephRgw
from tests.engines.postgres import PostgresServer
from tests.engines.slipway import BUCKET, SlipwayProcess


class ScaledSlipway(SlipwayProcess):
    """A SlipwayProcess on several services. Enter it once."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        super().__init__(data_dir, settings)
        self.database = PostgresServer(survives_kill=True)
        self.store = CephRgw()
        self._worker: subprocess.Popen[bytes] | None = None
        self._worker_log = data_dir.parent / f"{data_dir.name}-worker.log"
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as started:
            started.callback(self.database.stop)
            self.database.start()
            started.enter_context(self.store)
            self.settings |= {
                "DATABASE_URL": self.database.url(self.database.create_database()),
                "S3_ENDPOINT_URL": self.store.endpoint_url,
                "S3_BUCKET": BUCKET,
                "AWS_ACCESS_KEY_ID": ceph_rgw.ACCESS_KEY_ID,
                "AWS_SECRET_ACCESS_KEY": ceph_rgw.SECRET_ACCESS_KEY,
                "APP_ORIGINS": self.origin,
            }
            applied = self.command("storage", "apply")
            assert applied.returncode == 0, applied.stderr
            started.callback(self.stop)
            self.start()
            started.callback(self.end_worker)
            self.start_worker()
            self._ending = started.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.close()

    def start_worker(self) -> None:
        with self._worker_log.open("ab") as log:
            self._worker = subprocess.Popen(
                [*self.program, "worker"],
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=self.data_dir.parent,
            )

    def end_worker(self) -> None:
        """Kill the worker with SIGKILL."""
        if self._worker is None:
            return
        worker, self._worker = self._worker, None
        if worker.poll() is None:
            worker.kill()
            worker.wait()
            return
        # A worker that finds no database reports it and exits. The operator starts it again, as this does.
        log = self._worker_log.read_text()
        assert "the database cannot be opened" in log.splitlines()[-1], log[-2000:]

    def _store_access(self) -> tuple[str, str, str]:
        return self.store.endpoint_url, ceph_rgw.ACCESS_KEY_ID, ceph_rgw.SECRET_ACCESS_KEY
