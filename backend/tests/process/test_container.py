"""The wheel of `make dist` is the whole installation, as deploy/container installs and starts it.

No container engine runs here. Bubblewrap shows this machine's files read-only in place of the base image, and empty
folders in place of those that the Containerfile writes to. The steps run there with this environment's Python, and with
uv in place of pip, because uv has the packages in its cache.
"""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import compose_spec
import httpx
import pytest

from tests.engines.slipway import SlipwayProcess

ROOT = Path(__file__).parents[3]
DEPLOY = ROOT / "deploy" / "container"
UV = ROOT / ".boot" / "bin" / "uv"
PYTHON = Path(sys.executable).resolve()
DIST = "/tmp/dist"  # noqa: S108  # in the image
WRITTEN = {"/opt": "opt", "/var/lib": "var-lib"}
"""Where the steps write, and the folder that stands there."""
WITH_UV = {
    "python -m venv": f"{UV} venv --quiet --clear --no-python-downloads --python {PYTHON}",
    "/opt/slipway/bin/pip install --no-cache-dir": f"{UV} pip install --quiet --python /opt/slipway/bin/python",
}
TIMEOUT_SECONDS = 300
Instruction = tuple[str, str]


def instructions() -> list[Instruction]:
    """Return the word and the rest of each line of the Containerfile."""
    text = (DEPLOY / "Containerfile").read_text().replace("\\\n", "")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def last(word: str) -> str:
    return [rest for each, rest in instructions() if each == word][-1]


class Image:
    """What the steps of the Containerfile made, in a folder."""

    def __init__(self, folder: Path, dist: Path) -> None:
        self._folder = folder
        for name in WRITTEN.values():
            (folder / name).mkdir(mode=0o755, parents=True)
        for word, rest in instructions():
            match word, rest:
                case "RUN", _:
                    self._step(rest, dist)
                case (("FROM" | "ENV" | "WORKDIR" | "USER" | "VOLUME" | "EXPOSE" | "ENTRYPOINT" | "CMD"), _):
                    pass
                case "COPY", _:
                    assert rest in (f". {DIST}", "--from=install /opt/slipway /opt/slipway")
                case _:
                    raise AssertionError(f"nothing says what {word} does")

    def _step(self, text: str, dist: Path) -> None:
        for pip, uv in WITH_UV.items():
            text = text.replace(pip, uv)
        cache = subprocess.run(
            [UV, "cache", "dir"], check=True, capture_output=True, text=True
        ).stdout.strip()
        command = [
            *_view(),
            *(argument for at, name in WRITTEN.items() for argument in ("--bind", self._folder / name, at)),
            *("--ro-bind", dist, DIST, "--ro-bind", UV, UV, "--bind", cache, cache),
            *("sh", "-euc", text),
        ]
        environment = {**os.environ, "UV_LINK_MODE": "copy"}
        # `make install` has left all packages in the cache, unless someone emptied that.
        offline = {**environment, "UV_OFFLINE": "1"}
        if subprocess.run(command, env=offline, capture_output=True, check=False).returncode:
            subprocess.run(command, env=environment, check=True, timeout=TIMEOUT_SECONDS)

    def command(self) -> list[str | Path]:
        """Return what starts the entry point, as process 1 of the container's user, on a read-only root."""
        user, group = last("USER").split(":")
        environment = [pair.split("=") for pair in shlex.split(last("ENV"))]
        volume = last("VOLUME")
        drop = ("--clear-groups", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all")
        return [
            *_view(),
            *_python(),
            *(
                argument
                for at, name in WRITTEN.items()
                for argument in ("--ro-bind", self._folder / name, at)
            ),
            *("--bind", self._folder / "var-lib" / Path(volume).name, volume),
            *(argument for name, value in environment for argument in ("--setenv", name, value)),
            *("--chdir", last("WORKDIR"), "--unshare-pid", "--as-pid-1"),
            *(_program("setpriv"), f"--reuid={user}", f"--regid={group}", *drop),
            *json.loads(last("ENTRYPOINT")),
        ]


def _view() -> list[str | Path]:
    root = ("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc")
    return [_program("bwrap"), *root, "--perms", "1777", "--tmpfs", "/tmp"]  # noqa: S108  # the view's own


def _python() -> list[str | Path]:
    """Open the way to a Python in a home that only its user may enter."""
    home = Path.home()
    if home not in PYTHON.parents:
        return []
    folders = [folder for folder in reversed(Path(sys.base_prefix).parents) if home in folder.parents]
    opened = [argument for folder in folders for argument in ("--perms", "755", "--dir", folder)]
    return ["--tmpfs", home, *opened, "--ro-bind", sys.base_prefix, sys.base_prefix]


def _program(name: str) -> str:
    found = shutil.which(name)
    assert found, f"no {name} found; `make tools` gets it"
    return found


class Container(SlipwayProcess):
    def __init__(self, image: Image, folder: Path) -> None:
        super().__init__(folder / "data", {"SLIPWAY_DATA_DIR": "data", "PATH": "/nonexistent"})
        self.program = [str(argument) for argument in image.command()]

    @property
    def first_process(self) -> int:
        """The PID that process 1 of the container has outside."""
        pid = self.process.pid
        return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())

    def stop(self) -> int:
        if self._process is not None and self._process.poll() is None:
            os.kill(self.first_process, signal.SIGTERM)
        return self.wait()


@pytest.fixture
def image(tmp_path: Path) -> Image:
    if os.geteuid() != 0:
        pytest.skip("only root can become another user: nothing was installed")
    # A container without CAP_SYS_ADMIN refuses it even root.
    if subprocess.run([*_view(), "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine refuses a view of its own: nothing was installed")
    dist = tmp_path / "dist"
    subprocess.run([ROOT / "scripts" / "dist.sh", dist], check=True, timeout=TIMEOUT_SECONDS)
    return Image(tmp_path / "image", dist)


@pytest.fixture
def container(image: Image, tmp_path: Path) -> Iterator[Container]:
    container = Container(image, tmp_path)
    yield container
    if container._process is not None and container._process.poll() is None:
        container.kill_group()  # the test failed


def test_container_serves_page_api_and_store(container: Container) -> None:
    page = (ROOT / "frontend" / "out" / "login.html").read_bytes()
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False, text=True
    ).stdout[:12]

    container.start()
    with container.api("ada@example.com") as api:
        assert httpx.get(f"{container.origin}/login", timeout=TIMEOUT_SECONDS).content == page
        assert api.get("/health/ready").json()["status"] == "ok"
        assert api.get("/health/live").json()["commit"] == (commit or None)
        video_id = container.upload(api, "holiday.mp4", "video/mp4", b"no video, but the bytes are stored")
        assert api.get(f"/videos/{video_id}").json()["size_bytes"] == 34
    check_health(container)
    status = Path(f"/proc/{container.first_process}/status").read_text()
    assert re.findall(r"^(?:Uid|Gid|NSpid):\s+(.*)$", status, re.MULTILINE) == [
        *["\t".join(["10001"] * 4)] * 2,
        f"{container.first_process}\t1",
    ]
    assert re.findall(r"^Cap(Prm|Eff|Bnd):\s+0+$", status, re.MULTILINE) == ["Prm", "Eff", "Bnd"]

    assert container.stop() == 0


def check_health(container: Container) -> None:
    """Ask as the compose file does."""
    compose = compose_spec.PyOptions(apply_merge=True).from_yaml((DEPLOY / "compose.yaml").read_text())
    _, python, *arguments = compose.to_dict()["services"]["app"]["healthcheck"]["test"]
    assert python == "/opt/slipway/bin/python"
    asked = [argument.replace("127.0.0.1:8000", f"127.0.0.1:{container.port}") for argument in arguments]
    subprocess.run([*container.program[:-1], python, *asked], check=True)
