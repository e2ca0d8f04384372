import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from localstore.credentials import Credentials, load_or_create_credentials


def test_credentials_are_made_once_and_readable_by_the_owner_alone(tmp_path: Path) -> None:
    made = load_or_create_credentials(tmp_path / "store")

    assert load_or_create_credentials(tmp_path / "store") == made
    [path] = (tmp_path / "store").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_secret_has_256_bits_and_differs_between_folders(tmp_path: Path) -> None:
    one, other = (load_or_create_credentials(tmp_path / name) for name in ("one", "other"))

    assert len(bytes.fromhex(one.secret_access_key)) * 8 == 256
    assert one.secret_access_key != other.secret_access_key
    assert one.access_key_id != other.access_key_id


def test_racing_first_starts_agree_on_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        made = list(pool.map(lambda _: load_or_create_credentials(tmp_path), range(64)))

    assert set(made) == {load_or_create_credentials(tmp_path)}
    assert len(list(tmp_path.iterdir())) == 1, "a draft was left behind"


def test_secret_is_not_shown() -> None:
    assert "hush" not in repr(Credentials("slipway:1", "hush"))


def test_importing_credentials_brings_neither_swift_nor_eventlet() -> None:
    look = "import localstore.credentials, sys; print([m for m in ('swift', 'eventlet') if m in sys.modules])"

    shown = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)

    assert shown.stdout.strip() == "[]"
