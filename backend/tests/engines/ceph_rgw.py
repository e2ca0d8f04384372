"""Runs a Ceph RADOS Gateway with one monitor and one OSD for a test session.

It is a second S3 implementation beside the embedded store, so that the habits of neither pass for S3's.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Self
from urllib.error import URLError
from urllib.request import urlopen

from tests.engines.guardian import Guardian
from tests.engines.ports import free_ports
from tests.waiting import wait_until

ACCESS_KEY_ID = "testkey"
SECRET_ACCESS_KEY = "testsecretkey"
PROGRAMS = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "ceph-authtool", "monmaptool")
_PORTS = 10

_CONFIGURATION = """\
[global]
fsid={fsid}
mon host=[v2:127.0.0.1:{mon_port}/0]
ms bind port min={first_port}
ms bind port max={last_port}
ms bind msgr1=false
run dir={folder}/run
admin socket={folder}/run/$name.asok
log file={folder}/$name.log
keyring={folder}/keyring
osd pool default size=1
osd pool default min size=1
osd pool default pg num=1
osd pool default pgp num=1
osd pool default pg autoscale mode=off
osd crush chooseleaf type=0
mon allow pool size one=true
auth allow insecure global id reclaim=false
paxos propose interval=0.05
paxos min wait=0.01
[mon]
pid file={folder}/mon.pid
mon data={folder}/mon
mon cluster log file={folder}/cluster.log
mon data avail warn=1
mon data avail crit=1
[osd]
pid file={folder}/osd.pid
public addr=127.0.0.1
cluster addr=127.0.0.1
osd data={folder}/osd
osd objectstore=bluestore
bluestore block path={folder}/osd/block.file
bluestore block size=8589934592
bluestore block create=true
osd memory target=939524096
[client.rgw]
pid file={folder}/rgw.pid
rgw frontends=beast endpoint=127.0.0.1:{port}
rgw thread pool size=32
rgw run sync thread=false
rgw mp lock max time=5
"""
# The last setting limits a lock. A gateway that is killed inside Complete leaves the upload locked, by default for
# 600 s, and answers each further Complete with 500 until then.


def is_installed() -> bool:
    return all(shutil.which(program) for program in PROGRAMS)


class CephRgw:
    """One cluster in a folder under /tmp. Its block file is sparse and is removed with the folder."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="slipway-ceph-"))
        self._configuration = self._folder / "ceph.conf"
        self._guardian: Guardian | None = None
        self._port = free_ports(_PORTS)

    @property
    def endpoint_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> Self:
        # SIGKILL, because an orderly stop takes seconds and saves data that nobody reads.
        self._guardian = Guardian(self._folder, ["rgw.pid", "osd.pid", "mon.pid"], signal.SIGKILL)
        fsid = str(uuid.uuid4())
        (self._folder / "run").mkdir()
        (self._folder / "osd").mkdir()
        self._configuration.write_text(
            _CONFIGURATION.format(
                fsid=fsid,
                folder=self._folder,
                port=self._port,
                mon_port=self._port + 1,
                first_port=self._port + 2,
                last_port=self._port + _PORTS - 1,
            )
        )
        self._start_monitor(fsid)
        self._start_osd()
        self._start_gateway()
        return self

    def stop(self) -> None:
        if self._guardian:
            self._guardian.end()

    def _start_monitor(self, fsid: str) -> None:
        keyring, monmap = str(self._folder / "keyring"), str(self._folder / "monmap")
        self._run(
            "ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *"
        )
        admin = ("-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd", "allow *")
        self._run("ceph-authtool", keyring, "--gen-key", *admin)
        address = f"[v2:127.0.0.1:{self._port + 1}/0]"
        self._run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
        self._ceph("ceph-mon", "--mkfs", "-i", "a", "--monmap", monmap, "--keyring", keyring)
        self._ceph("ceph-mon", "-i", "a")

    def _start_osd(self) -> None:
        osd = str(uuid.uuid4())
        self._ceph("ceph", "osd", "new", osd, "0")
        self._add_key("osd.0", "mon", "allow profile osd", "osd", "allow *")
        self._add_key("client.rgw", "mon", "allow rwx", "osd", "allow rwx")
        self._ceph("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd)
        self._ceph("ceph", "osd", "crush", "add", "osd.0", "1.0", "host=localhost", "root=default")
        self._ceph("ceph-osd", "-i", "0")
        wait_until(lambda: "1 up" in self._ceph("ceph", "osd", "stat"), "the OSD is up")

    def _start_gateway(self) -> None:
        keys = (f"--access-key={ACCESS_KEY_ID}", f"--secret={SECRET_ACCESS_KEY}")
        self._ceph("radosgw-admin", "user", "create", "--uid=test", "--display-name=test", *keys)
        self.start_gateway()

    def create_key(self, access_key_id: str, secret_access_key: str) -> None:
        """Give the user a further key."""
        keys = (f"--access-key={access_key_id}", f"--secret={secret_access_key}")
        self._ceph("radosgw-admin", "key", "create", "--uid=test", "--key-type=s3", *keys)

    def remove_key(self, access_key_id: str) -> None:
        self._ceph(
            "radosgw-admin", "key", "rm", "--uid=test", "--key-type=s3", f"--access-key={access_key_id}"
        )

    def start_gateway(self) -> None:
        self._ceph("radosgw", "-n", "client.rgw")
        wait_until(self._answers, "the gateway answers")

    def kill_gateway(self) -> None:
        """Kill the gateway with SIGKILL. The monitor and the OSD go on."""
        pid = int((self._folder / "rgw.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not Path(f"/proc/{pid}/exe").exists(), "the gateway is gone")

    def _add_key(self, name: str, *capabilities: str) -> None:
        key = self._ceph("ceph", "auth", "get-or-create", name, *capabilities)
        with (self._folder / "keyring").open("a") as keyring:
            keyring.write(key)

    def _answers(self) -> bool:
        with contextlib.suppress(URLError, ConnectionError, TimeoutError):
            with urlopen(self.endpoint_url, timeout=5):  # noqa: S310  # http, on loopback
                return True
        return False

    def _ceph(self, program: str, *arguments: str) -> str:
        return self._run(program, "-c", str(self._configuration), *arguments)

    def _run(self, *command: str) -> str:
        # Files instead of pipes, because daemons keep what they inherit.
        with (self._folder / "start.log").open("a") as log, tempfile.TemporaryFile("w+") as output:
            done = subprocess.run(command, stdout=output, stderr=log, cwd=self._folder, check=False)
            output.seek(0)
            said = output.read()
        if done.returncode:
            log_text = (self._folder / "start.log").read_text(errors="replace")
            raise RuntimeError(f"{command[0]} ended with {done.returncode}:\n{log_text[-4000:]}")
        return said

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *_: object) -> None:
        self.stop()
