"""The names of all request headers in the source of the installed Swift."""

import re
from pathlib import Path

import swift

_SOURCE = Path(swift.__file__).parent
_NAME = re.compile(r"""['"]((?:x|if|content|amz|s3)-[a-z0-9-]+)['"]""", re.IGNORECASE)
_PREFIX = re.compile(r"""['"]((?:x)-[a-z0-9-]+-)['"]""", re.IGNORECASE)
_ENVIRON = re.compile(r"""['"]HTTP_([A-Z0-9_]+)['"]""")
_OTHERS = (
    "Destination",
    "Destination-Account",
    "Etag",
    "Expires",
    "Date",
    "Range",
    "Cache-Control",
    "Cookie",
)
# `request_head` refuses these before any list.
_FRAMING = {"content-length", "transfer-encoding", "host"}


def all_names() -> list[str]:
    found = {name.lower() for name in _OTHERS}
    for path in _SOURCE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= {name.lower() for name in _NAME.findall(text)}
        found |= {f"{prefix.lower()}slipway" for prefix in _PREFIX.findall(text)}
        found |= {name.lower().replace("_", "-") for name in _ENVIRON.findall(text)}
    return sorted({name.rstrip("-") for name in found} - _FRAMING)
