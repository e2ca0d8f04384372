"""List and delete every version of an object, in buckets that keep versions."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final, Protocol

from app.adapters.s3_answers import PASSING, error_code, error_status
from app.core.metrics import STORAGE_VERSIONS_KEPT
from app.domain.errors import StorageUnavailable
from app.ports import ListedObject, NoSuchObject, Versions, VersionsKept

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ASK_AGAIN_SECONDS: Final = 3600.0
_NO_KEY: Final = "videos/none"
"""No object has this key, because keys of videos have three parts after the prefix."""


class Call(Protocol):
    def __call__(self, operation: str, function: Callable[..., Any], **arguments: Any) -> Awaitable[Any]: ...


class Pages(Protocol):
    def __call__(
        self,
        operation: str,
        function: Callable[..., Any],
        required_field: str,
        next_page: Mapping[str, str],
        **arguments: Any,
    ) -> AsyncIterator[Mapping[str, Any]]: ...


class BucketVersions:
    """Asks once an hour whether the bucket keeps versions. A suspended bucket may have old ones."""

    def __init__(self, client: Callable[[], "S3Client"], call: Call, pages: Pages) -> None:
        self._client = client
        self._call = call
        self._pages = pages
        self._are_kept = False
        self._ask_at = 0.0

    async def state(self) -> Versions:
        """Ask now. Return UNKNOWN if there is an answer that does not say it, else raise StorageUnavailable."""
        try:
            state = await self._find_state()
        except StorageUnavailable as error:
            if _is_passing(error):
                raise
            return Versions.UNKNOWN
        STORAGE_VERSIONS_KEPT.set(state in (Versions.KEPT, Versions.LOCKED))
        return state

    async def _find_state(self) -> Versions:
        await self._ask()
        if not self._are_kept:
            return Versions.NONE
        if await self._is_locked():
            return Versions.LOCKED
        return Versions.REMOVED if await self._may_delete() else Versions.KEPT

    async def delete(self, object_key: str) -> None:
        """Delete every version. Raise VersionsKept if the store refuses that, NoSuchObject if it says so."""
        if not await self._keeps_versions():
            answer = await self._call("delete", self._client().delete_object, Key=object_key)
            if not answer.get("DeleteMarker"):
                return
            self._are_kept = True  # versioning is new, or the store does not say that it is on
        try:
            entries = [entry async for entry in self._entries(object_key) if entry["Key"] == object_key]
            # The oldest first, so that none of them becomes the current one.
            versions = [entry for entry in entries if not _is_marker(entry)]
            for version in reversed(versions):
                await self._delete_version(version)
        except StorageUnavailable as error:
            if not _is_refused(error):
                raise
            STORAGE_VERSIONS_KEPT.set(1)
            raise VersionsKept from error
        if versions:
            STORAGE_VERSIONS_KEPT.set(0)
        for marker in filter(_is_marker, entries):
            await self._delete_version(marker)

    async def can_be_listed(self) -> bool:
        """Return whether the bucket keeps versions and lets us list them."""
        if not await self._keeps_versions():
            return False
        try:
            await self._call("list_versions", self._client().list_object_versions, Prefix=_NO_KEY, MaxKeys=1)
        except StorageUnavailable as error:
            if not _is_refused(error):
                raise
            return False
        return True

    async def list_objects(self, prefix: str) -> AsyncIterator[ListedObject]:
        """Yield one object for each key that has bytes, with the size of all its versions."""
        held: list[Mapping[str, Any]] = []
        async for entry in self._entries(prefix):
            if held and held[0]["Key"] != entry["Key"]:
                for listed in _as_object(held):
                    yield listed
                held = []
            held.append(entry)
        for listed in _as_object(held):
            yield listed

    async def _entries(self, prefix: str) -> AsyncIterator[Mapping[str, Any]]:
        """Yield versions and delete markers by key."""
        next_page = {"KeyMarker": "NextKeyMarker", "VersionIdMarker": "NextVersionIdMarker"}
        function = self._client().list_object_versions
        async for page in self._pages("list_versions", function, "Name", next_page, Prefix=prefix):
            entries = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            for entry in sorted(entries, key=itemgetter("Key")):
                yield entry

    async def _delete_version(self, entry: Mapping[str, Any]) -> None:
        function = self._client().delete_object
        with suppress(NoSuchObject):
            await self._call("delete_version", function, Key=entry["Key"], VersionId=entry["VersionId"])

    async def _keeps_versions(self) -> bool:
        if time.monotonic() >= self._ask_at:
            with suppress(StorageUnavailable):  # what is known stays, and the answer to a delete tells too
                await self._ask()
        return self._are_kept

    async def _ask(self) -> None:
        self._ask_at = time.monotonic() + _ASK_AGAIN_SECONDS
        try:
            answer = await self._call("get_versioning", self._client().get_bucket_versioning)
        except StorageUnavailable as error:
            if not _is_unknown_call(error):
                raise
            self._are_kept = False
            return
        self._are_kept = answer.get("Status") in ("Enabled", "Suspended")

    async def _is_locked(self) -> bool:
        try:
            answer = await self._call("get_object_lock", self._client().get_object_lock_configuration)
        except StorageUnavailable as error:
            if not error_code(error.__cause__):
                raise
            return False  # S3 answers 404 if there is none
        return bool(answer.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")

    async def _may_delete(self) -> bool:
        """Return whether we may list and delete versions. S3 checks the right before it looks for the version."""
        if not await self.can_be_listed():
            return False
        try:
            await self._delete_version({"Key": _NO_KEY, "VersionId": "null"})
        except StorageUnavailable as error:
            if not _is_refused(error):
                raise
            return error_status(error.__cause__) not in (401, 403)
        return True


def _is_refused(error: StorageUnavailable) -> bool:
    """Return whether the store itself refuses the call, for a missing right, a lock, or because it has no such call."""
    code = error_code(error.__cause__)
    return code not in PASSING and bool(code) and error_status(error.__cause__) in (400, 401, 403, 405, 501)


def _is_passing(error: StorageUnavailable) -> bool:
    """Return whether the same call may be answered later. A proxy's page of 403 or 404 stays what it is."""
    status = error_status(error.__cause__)
    return not 400 <= status < 500 or status == 429 or error_code(error.__cause__) in PASSING


def _is_unknown_call(error: StorageUnavailable) -> bool:
    """Return whether the store has no such call. One that finds calls by their path answers 404."""
    status, code = error_status(error.__cause__), error_code(error.__cause__)
    if status == 404:
        return bool(code) and code != "NoSuchBucket"
    return _is_refused(error) and status not in (401, 403)


def _is_marker(entry: Mapping[str, Any]) -> bool:
    return "Size" not in entry


def _as_object(entries: Sequence[Mapping[str, Any]]) -> list[ListedObject]:
    """Return the object whose versions and delete markers these are, or nothing if it has no bytes left."""
    versions = [entry for entry in entries if not _is_marker(entry)]
    if not versions:
        return []
    return [
        ListedObject(
            versions[0]["Key"],
            sum(version["Size"] for version in versions),
            max(entry["LastModified"] for entry in entries),
            is_current=any(version["IsLatest"] for version in versions),
        )
    ]
