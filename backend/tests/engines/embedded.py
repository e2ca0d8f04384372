"""Starts, kills and stops the embedded store for tests, as the app does."""

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import boto3
from botocore.config import Config

from localstore.credentials import Credentials, load_or_create_credentials
from localstore.options import Patch
from tests.waiting import TIMEOUT_SECONDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REGION = "us-east-1"


class StoreFailedError(Exception):
    """The store reported why it did not start."""


class EmbeddedStore:
    """A store on a folder. It can start again after `kill` or `stop`."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        origins: Sequence[str] = (),
        any_local_origin: bool = False,
        without: Collection[Patch] = (),
        wrapper: Sequence[str] = (),
        backend: Path = Path(__file__).parents[2],
    ) -> None:
        """Take another `backend` to start the store of another version."""
        self.data_dir = data_dir
        self.host = host
        self.origins = tuple(origins)
        self.any_local_origin = any_local_origin
        self.without = frozenset(without)
        self._port = port
        self._wrapper = tuple(wrapper)
        self._backend = backend
        self._process: subprocess.Popen[bytes] | None = None
        self.port = port
        self._client: S3Client | None = None

    def start(self) -> Self:
        """Return when the store is ready. Raise StoreFailedError with its reason."""
        command = [sys.executable, "-m", "localstore", "--data-dir", str(self.data_dir)]
        command += ["--host", self.host, "--port", str(self._port)]
        for origin in self.origins:
            command += ["--origin", origin]
        if self.any_local_origin:
            command.append("--any-local-origin")
        for patch in self.without:
            command += ["--without", patch]
        self._process = subprocess.Popen(
            [*self._wrapper, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=self._backend,
        )
        event = json.loads(self._first_line())
        if event["event"] != "ready":
            self.wait()
            raise StoreFailedError(event["reason"])
        self.port = event["port"]
        self._client = None
        return self

    def _first_line(self) -> bytes:
        stdout = self.process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(TIMEOUT_SECONDS):
                self.kill()
                raise TimeoutError("the store said nothing")
        return stdout.readline()

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process

    def kill(self) -> None:
        """Send SIGKILL."""
        self.process.kill()
        self.wait()

    def stop(self) -> int:
        """Send SIGTERM, as the app does when it stops, and return the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def close_stdin(self) -> None:
        """Close the pipe, as the end of the app does."""
        assert self.process.stdin is not None
        self.process.stdin.close()

    def wait(self) -> int:
        code = self.process.wait(TIMEOUT_SECONDS)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                pipe.close()
        return code

    @property
    def has_process(self) -> bool:
        return self._process is not None

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def credentials(self) -> Credentials:
        return load_or_create_credentials(self.data_dir)

    @property
    def log_text(self) -> str:
        path = self.data_dir / "store.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def client(self) -> "S3Client":
        """Return a boto3 client that does not retry, so that tests see the first answer."""
        if self._client is None:
            self._client = self.make_client()
        return self._client

    def make_client(
        self, checksums: Literal["when_required", "when_supported"] = "when_required"
    ) -> "S3Client":
        """Return a new client, for a test that changes it."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=REGION,
            aws_access_key_id=self.credentials.access_key_id,
            aws_secret_access_key=self.credentials.secret_access_key,
            config=Config(
                signature_version="s3v4",
                s3={"addressing_style": "path"},
                retries={"total_max_attempts": 1},
                request_checksum_calculation=checksums,
                response_checksum_validation=checksums,
                read_timeout=TIMEOUT_SECONDS,
            ),
        )

    def disk_bytes(self) -> int:
        """Return the bytes on disk of the store's objects."""
        found = 0
        for folder, _, names in os.walk(self.data_dir / "devices"):
            for name in names:
                with suppress(FileNotFoundError):  # the store removed it after it was listed
                    found += (Path(folder) / name).stat().st_blocks * 512
        return found

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_running:
            self.stop()
        elif self._process is not None:
            self.wait()
