"""Creates and rotates the store's access key, in a file that only its owner can read."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

ACCOUNT = "slipway"
"""tempauth names a user `account:user`, and that name is the access key ID."""

_FILE_NAME = "credentials.json"
_SECRET_BYTES = 32


class PreviousKeyAccepted(Exception):
    """The key before this one is still accepted, so a further one would end URLs that it signed."""


class NoPreviousKey(Exception):
    """The key was not rotated, or the one before it is forgotten already."""


@dataclass(frozen=True)
class Credentials:
    access_key_id: str
    secret_access_key: str = field(repr=False)
    previous: "Credentials | None" = None
    """While rotating, the key that the store accepts too."""

    @property
    def secrets(self) -> dict[str, str]:
        """The secrets that the store accepts, by the IDs of their keys."""
        older = self.previous.secrets if self.previous else {}
        return {**older, self.access_key_id: self.secret_access_key}


def load_or_create_credentials(data_dir: Path) -> Credentials:
    """Return the key of this folder, and create one if there is none. Two processes may do so at the same time."""
    path = data_dir / _FILE_NAME
    try:
        return _read(path)
    except FileNotFoundError:
        pass
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _draft_of(path, _new_key()) as draft, suppress(FileExistsError):
        # Of several writers only the first succeeds.
        os.link(draft, path)
    return _read(path)


def rotate_credentials(data_dir: Path) -> None:
    """Make a new key. The store accepts the old one too until `forget_previous`. Raise PreviousKeyAccepted."""
    old = load_or_create_credentials(data_dir)
    if old.previous:
        raise PreviousKeyAccepted
    _replace(data_dir / _FILE_NAME, replace(_new_key(), previous=old))


def forget_previous(data_dir: Path) -> None:
    """Let the store accept one key alone from its next start. Raise NoPreviousKey."""
    stored = load_or_create_credentials(data_dir)
    if stored.previous is None:
        raise NoPreviousKey
    _replace(data_dir / _FILE_NAME, replace(stored, previous=None))


def _new_key() -> Credentials:
    # Hexadecimal, because tempauth splits the user's name at "_" and its value at spaces and "://".
    return Credentials(
        access_key_id=f"{ACCOUNT}:{secrets.token_hex(8)}",
        secret_access_key=secrets.token_hex(_SECRET_BYTES),
    )


def _read(path: Path) -> Credentials:
    return _from_json(json.loads(path.read_text(encoding="ascii")))


def _from_json(stored: dict[str, Any]) -> Credentials:
    previous = stored.get("previous")
    return Credentials(
        stored["access_key_id"], stored["secret_access_key"], _from_json(previous) if previous else None
    )


def _replace(path: Path, credentials: Credentials) -> None:
    with _draft_of(path, credentials) as draft:
        draft.replace(path)


@contextmanager
def _draft_of(path: Path, credentials: Credentials) -> Iterator[Path]:
    """Yield a file with the credentials beside `path`, so that a link or a rename of it is atomic and durable."""
    draft = path.with_name(f".{_FILE_NAME}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as stream:
            # Root may rotate the key of a service that has a user of its own, which could not read root's file.
            with suppress(FileNotFoundError, PermissionError):
                old = path.stat()
                os.fchown(descriptor, old.st_uid, old.st_gid)
            json.dump(asdict(credentials), stream)
            stream.flush()
            os.fsync(stream.fileno())
        yield draft
        _sync_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
