"""Decide whether an object is the one that an upload announced."""

from collections.abc import Mapping
from typing import Final

TOKEN_METADATA: Final = "slipway-token"  # noqa: S105  # the name of a metadata field, not a secret
"""User-defined object metadata (`x-amz-meta-slipway-token`) that CreateMultipartUpload sets to the row's token."""


def is_announced(size_bytes: int, token: str, stored_bytes: int, stored_metadata: Mapping[str, str]) -> bool:
    """Return whether the stored object has the announced size and contains the row's random token."""
    return stored_bytes == size_bytes and stored_metadata.get(TOKEN_METADATA) == token
