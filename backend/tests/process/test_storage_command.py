"""`slipway storage` and the start, with stores that can be used and stores that can't."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from localstore.credentials import load_or_create_credentials
from tests.engines.embedded import EmbeddedStore
from tests.engines.ports import free_port
from tests.engines.slipway import SlipwayProcess
from tests.engines.tcp_fault_proxy import TcpFaultProxy
from tests.process.conftest import Command
from tests.waiting import TIMEOUT_SECONDS, wait_until

SLIPWAY = str(Path(sys.executable).parent / "slipway")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(tmp_path_factory.mktemp("store")) as running:
        yield running


@pytest.fixture
def settings(store: EmbeddedStore) -> dict[str, str]:
    return {
        "S3_BUCKET": "videos",
        "S3_ENDPOINT_URL": store.endpoint_url,
        "AWS_ACCESS_KEY_ID": store.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": store.credentials.secret_access_key,
    }


def storage(folder: Path, settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SLIPWAY, "storage", *arguments],
        env={"PATH": os.environ["PATH"], **settings},
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
    )


def test_check_after_apply_finds_all_well(tmp_path: Path, settings: dict[str, str]) -> None:
    # This store is in us-east-1 and refuses signatures for other regions.
    settings |= {"AWS_REGION": "eu-west-3"}
    applied = storage(tmp_path, {**settings, "AWS_REGION": "us-east-1"}, "apply")
    assert applied.returncode == 0, applied.stderr
    again = storage(tmp_path, settings, "apply")
    checked = storage(tmp_path, settings, "check", "--json")

    assert again.stdout.startswith("Bucket videos: there.")
    assert checked.returncode == 0, checked.stderr
    found = json.loads(checked.stdout)
    assert found["bucket"] == "videos"
    assert found["found"][:3] == [
        "Bucket videos: answers.",
        "Region: us-east-1.",
        "Credentials: the settings.",
    ]
    assert "storage.region_found" in checked.stderr


def test_dry_run_creates_no_bucket(tmp_path: Path, settings: dict[str, str]) -> None:
    settings |= {"S3_BUCKET": "nowhere"}

    shown = storage(tmp_path, settings, "apply", "--dry-run", "--json")

    assert json.loads(shown.stdout)["done"][0] == "Bucket nowhere: missing."
    assert storage(tmp_path, settings, "check").returncode == 1


def test_embedded_store_needs_no_app_and_logs_no_outage(tmp_path: Path) -> None:
    settings = {"SLIPWAY_DATA_DIR": str(tmp_path), "SLIPWAY_STORE_PORT": "0"}
    assert storage(tmp_path, settings, "apply").returncode == 0

    checked = storage(tmp_path, settings, "check")

    assert checked.stdout.startswith("Bucket slipway: answers.")
    assert "storage.unreachable" not in checked.stderr


def test_check_says_why_the_embedded_store_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "devices").touch()

    ended = storage(
        tmp_path, {"SLIPWAY_DATA_DIR": str(tmp_path), "SLIPWAY_STORE_PORT": str(free_port())}, "check"
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "cannot be created (File exists)" in ended.stderr


def test_check_names_the_refusal_of_a_store_with_another_key(tmp_path: Path, store: EmbeddedStore) -> None:
    """As after a rotation and before the restart."""
    ended = storage(
        tmp_path, {"SLIPWAY_DATA_DIR": str(tmp_path), "SLIPWAY_STORE_PORT": str(store.port)}, "check"
    )

    assert (ended.returncode, ended.stdout) == (1, "")
    assert "If its key was rotated, restart Slipway first." in ended.stderr
    assert "The store answered 403 SignatureDoesNotMatch." in ended.stderr


def test_old_key_is_forgotten_only_after_a_rotation(run_in_this_process: Command, tmp_path: Path) -> None:
    load_or_create_credentials(tmp_path / "store")

    early = run_in_this_process("storage", "rotate-key", "--forget-old")
    rotated = run_in_this_process("storage", "rotate-key")
    forgotten = run_in_this_process("storage", "rotate-key", "--forget-old")

    assert (early.exit_code, early.stdout) == (1, "")
    assert early.stderr == "There is no older key. Run `slipway storage rotate-key` first.\n"
    assert (rotated.exit_code, forgotten.exit_code) == (0, 0)


@pytest.mark.parametrize("command", ["check", "apply"])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"AWS_SECRET_ACCESS_KEY": "geheim"}, "403 SignatureDoesNotMatch. Check AWS_ACCESS_KEY_ID and"),
        ({"AWS_ACCESS_KEY_ID": "AKIAOTHER"}, "403 SignatureDoesNotMatch. Check AWS_ACCESS_KEY_ID and"),
        ({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "There are no AWS credentials."),
        ({"S3_ENDPOINT_URL": "http://127.0.0.1:9"}, "The store refused the connection."),
    ],
)
def test_command_names_the_cause(
    tmp_path: Path, settings: dict[str, str], change: dict[str, str], words: str, command: str
) -> None:
    ended = storage(tmp_path, {**settings, "AWS_EC2_METADATA_DISABLED": "true", **change}, command)

    assert (ended.returncode, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "geheim" not in ended.stderr


def readiness(slipway: SlipwayProcess) -> httpx.Response:
    return httpx.get(f"{slipway.origin}/api/v1/health/ready", timeout=TIMEOUT_SECONDS)


def test_start_without_a_store_says_why_and_works_when_it_is_there(
    tmp_path: Path, settings: dict[str, str], store: EmbeddedStore
) -> None:
    """The region, which no setting names rightly, is found as soon as the store answers."""
    assert storage(tmp_path, settings, "apply").returncode == 0
    with TcpFaultProxy(("127.0.0.1", store.port)) as proxy:
        proxy.refuse()
        settings |= {"S3_ENDPOINT_URL": f"http://127.0.0.1:{proxy.port}", "S3_REGION": "eu-west-3"}
        with SlipwayProcess(tmp_path / "data", settings) as slipway:
            assert readiness(slipway).json()["detail"] == (
                "The video storage is not answering. The store refused the connection."
            )
            proxy.heal()
            wait_until(lambda: readiness(slipway).status_code == 200, "no recovery")
            with slipway.api("ada@example.com") as api:
                body = {"filename": "a.mp4", "size_bytes": 5, "content_type": "video/mp4"}
                url = api.post("/videos", json=body).json()["upload"]["parts"][0]["url"]
            assert httpx.put(url, content=b"12345", timeout=TIMEOUT_SECONDS).status_code == 200
        lines = [json.loads(line) for line in slipway.log_file.read_text().splitlines()]
    assert settings["AWS_SECRET_ACCESS_KEY"] not in slipway.log_file.read_text()
    events = [line["event"] for line in lines]
    assert [events.count(f"storage.{name}") for name in ("unreachable", "reachable", "region_found")] == [
        1,
        1,
        1,
    ]
    (unconfirmed,) = [line for line in lines if line["event"] == "bucket.unconfirmed"]
    assert unconfirmed["cause"] == "The store refused the connection."
