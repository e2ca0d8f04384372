"""Compute the ETag that S3 gives to an object of several parts."""

import hashlib
import re
from collections.abc import Sequence
from typing import Final

_OF_MD5S: Final = re.compile(r'"[0-9a-f]{32}-(?P<parts>[1-9][0-9]*)"')


def etag_of(part_md5s: Sequence[bytes]) -> str:
    """Return the ETag of an object of parts with these MD5s, with quotes."""
    combined = hashlib.md5(b"".join(part_md5s), usedforsecurity=False)
    return f'"{combined.hexdigest()}-{len(part_md5s)}"'


def may_tell_bytes(etag: str, part_count: int) -> bool:
    """Return False for ETags that are certainly not made from the MD5s of so many parts.

    Those of encrypted objects may look alike and be something else.
    """
    found = _OF_MD5S.fullmatch(etag)
    return found is not None and int(found["parts"]) == part_count
