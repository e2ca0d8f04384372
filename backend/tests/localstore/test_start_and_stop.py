"""The store's start, failed starts, and stop together with its app."""

import ctypes
import errno
import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from localstore.data_folder import DataFolder, StartupError
from tests.engines.embedded import EmbeddedStore, StoreFailedError
from tests.localstore.conftest import MakeStore
from tests.localstore.s3 import BUCKET, FULL_PART, HeldPart, begin_upload, wait_until
from tests.waiting import TIMEOUT_SECONDS

BACKEND = Path(__file__).parents[2]


def is_unlocked(data_dir: Path) -> bool:
    """Return whether no store runs on the folder. The kernel releases the lock of a process that ends."""
    try:
        DataFolder(data_dir).lock(wait_seconds=0)
    except StartupError:
        return False
    return True


def test_start_prints_only_one_line(tmp_path: Path) -> None:
    started = subprocess.run(
        [sys.executable, "-W", "default", "-m", "localstore", "--data-dir", str(tmp_path), "--port", "0"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=TIMEOUT_SECONDS,
        check=True,
        cwd=BACKEND,
    )

    [line] = started.stdout.splitlines()
    event = json.loads(line)
    assert event == {"event": "ready", "port": event["port"]}
    assert started.stderr == b""


def test_answers_health_check(store: EmbeddedStore) -> None:
    assert httpx.get(f"{store.endpoint_url}/healthcheck", timeout=TIMEOUT_SECONDS).status_code == 200


def test_reports_port_in_use(make_store: MakeStore) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        store = make_store(port=other.getsockname()[1])

        with pytest.raises(StoreFailedError, match=r"in use.*SLIPWAY_STORE_PORT"):
            store.start()

    assert store.process.returncode == 1


def test_stores_never_share_a_port(store: EmbeddedStore, make_store: MakeStore) -> None:
    with pytest.raises(StoreFailedError, match="in use"):
        make_store(port=store.port).start()


def test_refuses_folder_of_running_store(store: EmbeddedStore) -> None:
    with pytest.raises(StartupError, match="Another store is running"):
        DataFolder(store.data_dir).lock(wait_seconds=0)


def test_start_waits_for_previous_store(make_store: MakeStore) -> None:
    first, second = make_store().start(), make_store()
    with ThreadPoolExecutor() as pool:
        starting = pool.submit(second.start)
        wait_until(lambda: second.has_process)
        assert not starting.done()
        first.kill()
        starting.result(TIMEOUT_SECONDS)


def test_refuses_folder_without_extended_attributes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def not_supported(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "Operation not supported")

    monkeypatch.setattr(os, "setxattr", not_supported)
    folder = DataFolder(tmp_path)
    folder.prepare()

    with pytest.raises(StartupError, match=r"extended attributes.*SLIPWAY_DATA_DIR"):
        folder.check_extended_attributes()


def test_refuses_folder_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(StoreFailedError, match="SLIPWAY_DATA_DIR"):
        EmbeddedStore(tmp_path / "file" / "store").start()


def test_sigterm_exits_with_0(make_store: MakeStore) -> None:
    assert make_store().start().stop() == 0


def test_sigterm_lets_request_finish(make_store: MakeStore) -> None:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    upload = begin_upload(store)
    with HeldPart(upload, 1, FULL_PART) as held:
        wait_until(lambda: "ready" in store.log_text)
        store.process.send_signal(signal.SIGTERM)
        wait_until(lambda: "stopping" in store.log_text)
        assert held.finish() == 200
    assert store.wait() == 0

    store.start()
    assert upload.listed_parts() == [1]


def test_sigterm_cancels_request_that_never_ends(make_store: MakeStore) -> None:
    store = make_store().start()
    store.client().create_bucket(Bucket=BUCKET)
    with HeldPart(begin_upload(store), 1, FULL_PART):
        assert store.stop() == 0


def test_exits_if_listener_fails(make_store: MakeStore) -> None:
    store = make_store().start()

    shut_listener(store)

    assert store.wait() == 1
    assert "lost the proxy listener" in store.log_text


def shut_listener(store: EmbeddedStore) -> None:
    """Make the store's accept fail, on a copy of its descriptor that Linux gives to its parent process."""
    pidfd_getfd = 438  # Linux 5.6, the same number on every architecture
    pid = os.pidfd_open(store.process.pid)
    for name in os.listdir(f"/proc/{store.process.pid}/fd"):
        descriptor = ctypes.CDLL(None, use_errno=True).syscall(pidfd_getfd, pid, int(name), 0)
        if descriptor < 0:  # The store closed the file after it was listed.
            continue
        with suppress(OSError), socket.socket(fileno=descriptor) as copy:
            if copy.getsockname() == ("127.0.0.1", store.port):
                copy.shutdown(socket.SHUT_RDWR)
    os.close(pid)


def test_ignores_sigint(make_store: MakeStore) -> None:
    store = make_store().start()
    store.process.send_signal(signal.SIGINT)

    assert httpx.get(f"{store.endpoint_url}/healthcheck", timeout=TIMEOUT_SECONDS).status_code == 200
    assert store.stop() == 0


def test_exits_at_end_of_stdin(make_store: MakeStore) -> None:
    store = make_store().start()

    store.close_stdin()

    assert store.wait() == 0


def test_exits_if_app_is_killed(tmp_path: Path) -> None:
    app = (
        "import subprocess, sys, time\n"
        f"store = subprocess.Popen([sys.executable, '-m', 'localstore', '--data-dir', {str(tmp_path)!r},"
        " '--port', '0'], stdin=subprocess.PIPE, stdout=subprocess.PIPE)\n"
        "print(store.stdout.readline().decode(), flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", app], stdout=subprocess.PIPE, cwd=BACKEND) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["event"] == "ready"
        assert not is_unlocked(tmp_path)
        process.kill()

    wait_until(lambda: is_unlocked(tmp_path))


def test_only_owner_can_read_folder(store: EmbeddedStore) -> None:
    # The test created the folder itself. The rest comes from the store.
    # rglob() fails if the store removes a folder meanwhile.
    paths = [
        Path(place) / name for place, folders, files in os.walk(store.data_dir) for name in folders + files
    ]
    assert [path for path in paths if is_open_to_others(path)] == []


def is_open_to_others(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & 0o077)
    except FileNotFoundError:  # The store removed it after it was listed.
        return False


def test_inner_servers_listen_on_loopback_and_refuse_others(store: EmbeddedStore) -> None:
    listening = listening_addresses(store.process.pid)

    assert {address for address, _ in listening} == {"127.0.0.1"}
    inner = {port for _, port in listening} - {store.port}
    assert len(inner) == 3
    for port in inner:
        assert httpx.get(f"http://127.0.0.1:{port}/healthcheck", timeout=TIMEOUT_SECONDS).status_code == 403
        assert (
            httpx.get(f"http://127.0.0.1:{port}/d1/0/AUTH_slipway", timeout=TIMEOUT_SECONDS).status_code
            == 403
        )


def test_two_stores_run_independently(store: EmbeddedStore, make_store: MakeStore) -> None:
    with make_store() as other:
        other.client().create_bucket(Bucket="other")

        assert [bucket["Name"] for bucket in other.client().list_buckets()["Buckets"]] == ["other"]
        assert "other" not in [bucket["Name"] for bucket in store.client().list_buckets()["Buckets"]]
        inner = [{port for _, port in listening_addresses(one.process.pid)} for one in (store, other)]
        assert inner[0].isdisjoint(inner[1])


def listening_addresses(pid: int) -> set[tuple[str, int]]:
    """Return the IPv4 addresses the process listens on, from /proc."""
    sockets = set()
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(os.readlink(descriptor))
        except FileNotFoundError:
            continue
    found = set()
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
            address, port = fields[1].split(":")
            found.add((socket.inet_ntoa(bytes.fromhex(address)[::-1]), int(port, 16)))
    return found
