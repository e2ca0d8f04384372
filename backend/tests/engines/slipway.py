"""Starts, kills and stops Slipway for tests, as `make run` does."""

import hashlib
import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import boto3
import httpx
from botocore.config import Config

from app.core.config import Settings
from app.domain.limits import Limit
from localstore.credentials import load_or_create_credentials
from tests.engines.ports import free_port
from tests.waiting import TIMEOUT_SECONDS, wait_until

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

BUCKET = "slipway"
SLIPWAY = [str(Path(sys.executable).parent / "slipway")]
LIMITS_OF_USERS = {
    f"LIMIT_{limit.upper()}": Settings.model_fields[f"limit_{limit}"].default
    for limit in Limit
    if limit.endswith("_per_user")
}
"""The defaults, which a page must not meet."""
BRIEF = httpx.Limits(keepalive_expiry=2)
"""The app ends an idle connection after 5 s, which is also how long httpx keeps one by default."""
WITH_QUICK_RECHECKS = [sys.executable, str(Path(__file__).with_name("quick_rechecks.py"))]


class SlipwayProcess:
    """`slipway serve --upgrade` on a data folder, with the embedded store. It can start again."""

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        self.port = free_port()
        self.store_port = free_port()
        self.log_file = data_dir.parent / f"{data_dir.name}.log"
        self.settings = dict(settings or {})
        self.program = SLIPWAY
        self.ready_line = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def store_origin_of_page(self) -> str:
        """Where a page at `origin` finds the store."""
        return f"http://localhost:{self.store_port}"

    @property
    def store_origin(self) -> str:
        return f"http://127.0.0.1:{self.store_port}"

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "start() first"
        return self._process

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            **{name: os.environ[name] for name in ("PAGE_DIR",) if name in os.environ},
            "SLIPWAY_PORT": str(self.port),
            "SLIPWAY_STORE_PORT": str(self.store_port),
            "SLIPWAY_DATA_DIR": str(self.data_dir),
            # Many users of a test share one address, and a test's client is faster than a page.
            **{f"LIMIT_{limit.upper()}": "" for limit in Limit},
            **self.settings,
        }

    def command(
        self, *arguments: str, typed: str | None = None, **settings: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `slipway ...` beside the app, with its settings and those given, and `typed` on its standard input."""
        return subprocess.run(
            [*self.program, *arguments],
            env={**self.environment, **settings},
            input=typed,
            cwd=self.data_dir.parent,
            capture_output=True,
            check=False,
            text=True,
            timeout=TIMEOUT_SECONDS,
        )

    def start(self) -> Self:
        """Return when Slipway reports that it is ready."""
        self.launch()
        line = self._first_line()
        assert line.startswith("Slipway is ready"), f"{line!r}; its log: {self.log_file.read_text()[-2000:]}"
        self.ready_line = line
        return self

    def launch(self) -> None:
        """Start without waiting. What ran before has ended."""
        if self._process is not None:
            self.wait()
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [*self.program, "serve", "--upgrade"],
                stdout=subprocess.PIPE,
                stderr=log,
                env=self.environment,
                cwd=self.data_dir.parent,
                # In its own process group, so that a test can kill all of it.
                start_new_session=True,
            )

    def _first_line(self) -> str:
        stdout = self.process.stdout
        assert stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(stdout, selectors.EVENT_READ)
            if not selector.select(TIMEOUT_SECONDS):
                self.kill_group()
                raise AssertionError("Slipway did not get ready")
        return stdout.readline().decode()

    def interrupt(self) -> int:
        """Send SIGINT, as Ctrl-C does, and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()

    def stop(self) -> int:
        if self._process is None:
            return 0
        if self._process.poll() is not None:
            self.wait()
            return 0
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def restart(self, settings: Mapping[str, str]) -> None:
        """Stop the app, then start it with these settings changed."""
        self.stop()
        self.settings.update(settings)
        self.start()

    def kill_group(self) -> None:
        """Send SIGKILL to the app's process group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()

    def kill_store(self) -> None:
        """Send SIGKILL to the embedded store, if it runs."""
        for pid in self.store_pids():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def wait(self) -> int:
        status = self.process.wait(TIMEOUT_SECONDS)
        if self.process.stdout:
            self.process.stdout.close()
        return status

    def store_pids(self) -> list[int]:
        """Return the PIDs of this folder's embedded store."""
        wanted = str(self.data_dir / "store").encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdecimal():
                continue
            try:
                arguments = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue  # It ended meanwhile.
            if b"localstore" in arguments and wanted in arguments:
                found.append(int(entry.name))
        return found

    def wait_for_no_store(self) -> None:
        wait_until(lambda: not self.store_pids(), "the store ends by itself")

    @contextmanager
    def bucket(self) -> "Iterator[S3Client]":
        """Yield a client of the store itself."""
        endpoint_url, access_key_id, secret_access_key = self._store_access()
        client = boto3.client(
            "s3",
            endpoint_url=endpoint_url,
            aws_access_key_id=access_key_id,
            aws_secret_access_key=secret_access_key,
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}),
        )
        try:
            yield client
        finally:
            client.close()

    def _store_access(self) -> tuple[str, str, str]:
        """Return the store's address and keys."""
        keys = load_or_create_credentials(self.data_dir / "store")
        return self.store_origin, keys.access_key_id, keys.secret_access_key

    def stored_sha256(self, video_id: str) -> str:
        """Return the SHA-256 of the video's only object."""
        with self.bucket() as client:
            listed = client.list_objects_v2(Bucket=BUCKET, Prefix="videos/").get("Contents", [])
            (key,) = [item["Key"] for item in listed if f"/{video_id}/" in item["Key"]]
            digest = hashlib.sha256()
            for block in client.get_object(Bucket=BUCKET, Key=key)["Body"].iter_chunks(1024 * 1024):
                digest.update(block)
        return digest.hexdigest()

    def wait_for_empty_store(self, video_id: str) -> None:
        """Wait until the store has neither an object nor an open upload of this video."""

        def is_empty() -> bool:
            with self.bucket() as client:
                objects = client.list_objects_v2(Bucket=BUCKET, Prefix="videos/").get("Contents", [])
                uploads = client.list_multipart_uploads(Bucket=BUCKET, Prefix="videos/").get("Uploads", [])
            return not any(f"/{video_id}/" in item["Key"] for item in (*objects, *uploads))

        wait_until(is_empty, "the store is empty of the video")

    @staticmethod
    def upload(api: httpx.Client, filename: str, content_type: str, data: bytes) -> str:
        """Create, send and complete without a page, and return the video's ID."""
        body = {"filename": filename, "size_bytes": len(data), "content_type": content_type}
        created = api.post("/videos", json=body).raise_for_status().json()
        size = created["upload"]["part_size_bytes"]
        for part in created["upload"]["parts"]:
            piece = data[(part["part_number"] - 1) * size : part["part_number"] * size]
            httpx.put(part["url"], content=piece, timeout=TIMEOUT_SECONDS).raise_for_status()
        video_id: str = created["video"]["id"]
        api.post(f"/videos/{video_id}/complete", json={"parts": []}).raise_for_status()
        return video_id

    @contextmanager
    def api(self, email: str, password: str = "correct horse") -> Iterator[httpx.Client]:
        """Yield an API client with a bearer token. Register the account if needed."""
        with httpx.Client(base_url=f"{self.origin}/api/v1", timeout=TIMEOUT_SECONDS, limits=BRIEF) as client:
            client.post("/auth/register", json={"email": email, "password": password})
            answer = client.post("/auth/token", data={"username": email, "password": password})
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client

    def events(self, name: str) -> list[dict[str, Any]]:
        """Return the log's lines of this event. The last line may still be on its way into the file."""
        whole, _, _ = self.log_file.read_text().rpartition("\n")
        lines = (json.loads(line) for line in whole.splitlines() if line.startswith("{"))
        return [line for line in lines if line["event"] == name]

    def metric(self, name: str) -> float:
        """Return a metric without labels."""
        text = httpx.get(f"{self.origin}/metrics", timeout=TIMEOUT_SECONDS).text
        return next(float(line.split()[1]) for line in text.splitlines() if line.split()[0] == name)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.wait_for_no_store()
