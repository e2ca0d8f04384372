"""Removes temporary files and orphaned segments that a kill -9 left on disk.

It reads the disk, because no listing has a part whose write was killed before it was listed.
"""

import os
import re
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import eventlet
from swift.common.exceptions import DiskFileError
from swift.common.middleware.s3api.utils import MULTIUPLOAD_SUFFIX
from swift.common.swob import str_to_wsgi
from swift.obj.diskfile import read_metadata

from localstore.data_folder import DataFolder
from localstore.store_view import UPLOAD_ID_HEADER, StoreView, UnknownStateError, Upload

# A marker is named <key>/<upload ID>, and a segment <key>/<upload ID>/<part>. A key may contain slashes.
# s3api's upload IDs are URL-safe Base64.
_NAME: Final = re.compile(
    r"/(?P<account>[^/]+)/(?P<bucket>[^/]+)"
    + re.escape(MULTIUPLOAD_SUFFIX)
    + r"/(?P<object_key>.+)/(?P<upload_id>[A-Za-z0-9_=-]{48})(?:/(?P<part>[0-9]+))?",
    re.DOTALL,
)
_PLAIN_NAME: Final = re.compile(r"/(?P<account>[^/]+)/(?P<bucket>[^/]+)/(?P<object_key>.+)", re.DOTALL)
_UPLOAD_ID_KEY: Final = UPLOAD_ID_HEADER.lower()
DELETION_LIFE_SECONDS: Final = 7_200
"""How long the store remembers a deletion. It must remember it longer than anything that began earlier can still write
the object or its row in a listing. The end of an upload refuses its parts that are arriving (`late_parts`), so of
uploads that is the part being stored, which has 30 s. Other objects come from the app, which waits 300 s at most. A
failed update of a listing is repeated hourly, and rows stay while one waits."""


def remove_temporary_files(folder: DataFolder) -> int:
    """Remove temporary files and return their number. Call it before the servers run, which use such files."""
    removed = 0
    for tmp in folder.device.glob("tmp*"):
        for path in tmp.iterdir():
            if path.is_file():
                path.unlink()
                removed += 1
    return removed


def remove_orphaned_segments(folder: DataFolder, view: StoreView) -> int:
    """Remove segments that belong to no open upload and no object, and return their number. Safe while serving."""
    removed = 0
    for upload, parts in _candidates(folder.device).items():
        if not _is_orphaned(upload, view):
            continue
        for part in parts:
            removed += view.delete(upload.segment_path(part))
    return removed


def _is_orphaned(upload: Upload, view: StoreView) -> bool:
    try:
        # The order matters. Complete writes the object before it removes the marker, so if the marker is gone, the
        # object is there. In the other order, a Complete between both checks would look like an orphan.
        return not view.has_marker(upload) and not view.is_finished(upload)
    except UnknownStateError:
        return False


def _candidates(device: Path) -> dict[Upload, list[str]]:
    """Return the parts of uploads whose marker and object this walk did not find.

    They may be no orphans, because the store changes during the walk.
    """
    segments: dict[Upload, list[str]] = defaultdict(list)
    in_use: set[Upload] = set()
    for folder in _object_folders(device):
        metadata = _object_metadata(folder)
        names = _NAME.fullmatch(metadata.get("name", ""))
        if names is None:
            upload_id, plain = metadata.get(_UPLOAD_ID_KEY), _PLAIN_NAME.fullmatch(metadata.get("name", ""))
            if upload_id and plain:
                in_use.add(_upload(plain.groupdict() | {"upload_id": upload_id}))
        elif names["part"] is None:
            in_use.add(_upload(names.groupdict()))
        else:
            segments[_upload(names.groupdict())].append(names["part"])
        eventlet.sleep(0)
    return {upload: parts for upload, parts in segments.items() if upload not in in_use}


def _upload(names: dict[str, str]) -> Upload:
    account, bucket, object_key, upload_id = (
        str_to_wsgi(names[name]) for name in ("account", "bucket", "object_key", "upload_id")
    )
    return Upload(account, bucket, object_key, upload_id)


def _object_folders(device: Path) -> Iterator[Path]:
    """Yield objects/<partition>/<suffix>/<hash>/, each with one object's .data file or its tombstone."""
    for objects in device.glob("objects*"):
        for partition in _subfolders(objects):
            for suffix in _subfolders(partition):
                yield from _subfolders(suffix)


def _subfolders(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    except FileNotFoundError:
        return []


def _object_metadata(folder: Path) -> dict[str, str]:
    try:
        data_files = sorted(name for name in os.listdir(folder) if name.endswith(".data"))
        if not data_files:
            return {}
        metadata = read_metadata(str(folder / data_files[-1]))
    except (OSError, DiskFileError):
        # Removed since it was listed, or unreadable. Either way it stays.
        return {}
    return {key.lower(): value for key, value in metadata.items()}


def remove_old_tombstones(folder: DataFolder, now: float | None = None) -> int:
    """Remove the empty file and folders of each old deletion, and return their number. Swift leaves that to a daemon.

    A deleted video has one for each part. Swift makes a folder again that vanishes before it writes to it.
    """
    limit = (time.time() if now is None else now) - DELETION_LIFE_SECONDS
    removed = 0
    for object_folder in _object_folders(folder.device):
        removed += _remove_if_only_old_tombstones(object_folder, limit)
        eventlet.sleep(0)
    return removed


def _remove_if_only_old_tombstones(object_folder: Path, limit: float) -> int:
    # Do not yield to other green threads between the check and the removal.
    try:
        files = list(object_folder.iterdir())
        if not files or any(path.suffix != ".ts" or path.stat().st_mtime > limit for path in files):
            return 0
        for path in files:
            path.unlink()
        object_folder.rmdir()
    except OSError:
        return 0
    with suppress(OSError):  # it has other objects
        object_folder.parent.rmdir()
    return len(files)


def remove_invalid_hashes(folder: DataFolder) -> int:
    """Remove the lists of changed folders, to which each write adds a line for a replicator that doesn't run."""
    lists = list(folder.device.glob("objects*/*/hashes.invalid"))
    for path in lists:
        path.unlink(missing_ok=True)
    return len(lists)
