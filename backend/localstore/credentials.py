"""Creates the store's access key at the first start, in a file that only its owner can read."""

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

ACCOUNT = "slipway"
"""tempauth names a user `account:user`, and that name is the access key ID."""

_FILE_NAME = "credentials.json"
_SECRET_BYTES = 32


@dataclass(frozen=True)
class Credentials:
    access_key_id: str
    secret_access_key: str = field(repr=False)


def load_or_create_credentials(data_dir: Path) -> Credentials:
    """Return the key of this folder, and create one if there is none. Two processes may do so at the same time."""
    path = data_dir / _FILE_NAME
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    # Hexadecimal, because tempauth splits the user's name at "_" and its value at spaces and "://".
    created = Credentials(
        access_key_id=f"{ACCOUNT}:{secrets.token_hex(8)}",
        secret_access_key=secrets.token_hex(_SECRET_BYTES),
    )
    _write_once(path, created)
    return _read(path)


def _read(path: Path) -> Credentials:
    stored = json.loads(path.read_text(encoding="ascii"))
    return Credentials(stored["access_key_id"], stored["secret_access_key"])


def _write_once(path: Path, credentials: Credentials) -> None:
    """Write the file atomically with a hard link. Of several writers only the first succeeds."""
    draft = path.with_name(f".{_FILE_NAME}.{secrets.token_hex(8)}")
    content = {
        "access_key_id": credentials.access_key_id,
        "secret_access_key": credentials.secret_access_key,
    }
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            json.dump(content, stream)
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, path)
        except FileExistsError:
            return
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
