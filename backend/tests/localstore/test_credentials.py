import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from localstore.credentials import (
    Credentials,
    NoPreviousKey,
    PreviousKeyAccepted,
    forget_previous,
    load_or_create_credentials,
    rotate_credentials,
)


def test_creates_credentials_once_with_mode_0600(tmp_path: Path) -> None:
    made = load_or_create_credentials(tmp_path / "store")

    assert load_or_create_credentials(tmp_path / "store") == made
    [path] = (tmp_path / "store").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_each_folder_has_its_own_256_bit_secret(tmp_path: Path) -> None:
    one, other = (load_or_create_credentials(tmp_path / name) for name in ("one", "other"))

    assert len(bytes.fromhex(one.secret_access_key)) * 8 == 256
    assert one.secret_access_key != other.secret_access_key
    assert one.access_key_id != other.access_key_id


def test_concurrent_first_starts_use_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: load_or_create_credentials(tmp_path), range(64)))

    assert set(made) == {load_or_create_credentials(tmp_path)}
    assert len(list(tmp_path.iterdir())) == 1, "a temporary file is left"


def test_repr_omits_secret() -> None:
    assert "hush" not in repr(Credentials("slipway:1", "hush", Credentials("slipway:0", "hush")))


def test_credentials_import_neither_swift_nor_eventlet() -> None:
    script = (
        "import localstore.credentials, sys; print([m for m in ('swift', 'eventlet') if m in sys.modules])"
    )

    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"


def test_rotation_keeps_the_old_key_until_it_is_forgotten(tmp_path: Path) -> None:
    old = load_or_create_credentials(tmp_path)

    rotate_credentials(tmp_path)

    new = load_or_create_credentials(tmp_path)
    assert new.previous == old
    assert new.secret_access_key != old.secret_access_key
    forget_previous(tmp_path)
    assert load_or_create_credentials(tmp_path) == replace(new, previous=None)
    [path] = tmp_path.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_second_rotation_is_refused_while_an_old_key_is_accepted(tmp_path: Path) -> None:
    old = load_or_create_credentials(tmp_path)
    rotate_credentials(tmp_path)

    with pytest.raises(PreviousKeyAccepted):
        rotate_credentials(tmp_path)

    assert load_or_create_credentials(tmp_path).previous == old


def test_nothing_is_forgotten_before_a_rotation(tmp_path: Path) -> None:
    made = load_or_create_credentials(tmp_path)

    with pytest.raises(NoPreviousKey):
        forget_previous(tmp_path)

    assert load_or_create_credentials(tmp_path) == made


def test_new_key_belongs_to_the_owner_of_the_old_one(tmp_path: Path) -> None:
    """An operator may rotate it as root, and the service has a user of its own."""
    if os.geteuid() != 0:
        pytest.skip("only root gives a file to another user: no owner was compared")
    load_or_create_credentials(tmp_path)
    [path] = tmp_path.iterdir()
    os.chown(path, 12345, 54321)

    for change in (rotate_credentials, forget_previous):
        change(tmp_path)
        stored = path.stat()
        assert (stored.st_uid, stored.st_gid, stat.S_IMODE(stored.st_mode)) == (12345, 54321, 0o600)
