"""Removes signatures and secrets from log text."""

import re
from typing import Final

_SIGNING_PARAMETER: Final = re.compile(
    r"(?i)((?:x-amz-(?:signature|credential|security-token)|signature|awsaccesskeyid|credential)"
    r"(?:=|%3d|['\"]?\s*:\s*['\"]?))[^&\s'\",;)]+"
)
_LONG_HEX: Final = re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
"""A signature or the secret, anywhere in a text."""


def redact(text: str) -> str:
    """Return the text without signatures, key IDs and secrets."""
    return _LONG_HEX.sub("[removed]", _SIGNING_PARAMETER.sub(r"\1[removed]", text))
