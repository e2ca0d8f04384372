"""The wheel of `make dist` is the whole installation, in an environment that has nothing else."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.engines.slipway import SlipwayProcess

ROOT = Path(__file__).parents[3]
UV = ROOT / ".boot" / "bin" / "uv"
TIMEOUT_SECONDS = 300


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel, and nothing but what the wheel asks for."""
    dist = tmp_path_factory.mktemp("dist")
    environment = tmp_path_factory.mktemp("installed") / "slipway"
    run(ROOT / "scripts" / "dist.sh", dist)
    (wheel,) = dist.glob("*.whl")
    run(UV, "venv", "--quiet", "--no-python-downloads", environment)
    install = (
        UV,
        "pip",
        "install",
        "--quiet",
        "--python",
        environment,
        "-c",
        dist / "requirements.txt",
        wheel,
    )
    # `make install` has left all packages in the cache, unless someone emptied that.
    if subprocess.run([*install, "--offline"], capture_output=True, check=False).returncode:
        run(*install)
    return environment


def run(*command: str | Path) -> None:
    subprocess.run(command, check=True, timeout=TIMEOUT_SECONDS)


@pytest.fixture
def slipway(environment: Path, tmp_path: Path) -> Iterator[SlipwayProcess]:
    slipway = SlipwayProcess(tmp_path / "data", {"PATH": "/nonexistent"})
    slipway.program = [str(environment / "bin" / "slipway")]
    yield slipway
    slipway.stop()  # if the test failed


def test_the_wheel_serves_page_api_and_store(slipway: SlipwayProcess) -> None:
    page = (ROOT / "frontend" / "out" / "login.html").read_bytes()
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False, text=True
    ).stdout[:12]

    with slipway, slipway.api("ada@example.com") as api:
        assert httpx.get(f"{slipway.origin}/login").content == page
        assert httpx.get(f"{slipway.origin}/api/v1/health/ready").json()["status"] == "ok"
        assert httpx.get(f"{slipway.origin}/api/v1/health/live").json()["commit"] == (commit or None)
        video_id = slipway.upload(api, "holiday.mp4", "video/mp4", b"no video, but the bytes are stored")
        assert api.get(f"/videos/{video_id}").json()["size_bytes"] == 34
