"""Takes out of a text what would let its reader send a signed request."""

import re
from typing import Final

_SIGNING_PARAMETER: Final = re.compile(
    r"(?i)((?:x-amz-(?:signature|credential|security-token)|signature|awsaccesskeyid|credential)"
    r"(?:=|%3d|['\"]?\s*:\s*['\"]?))[^&\s'\",;)]+"
)
_LONG_HEX: Final = re.compile(r"(?i)(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])")
"""A signature or the secret itself, in whatever surroundings."""


def redact(text: str) -> str:
    """Remove signatures, key ids and secrets, in whatever form a log line holds them."""
    return _LONG_HEX.sub("[removed]", _SIGNING_PARAMETER.sub(r"\1[removed]", text))
