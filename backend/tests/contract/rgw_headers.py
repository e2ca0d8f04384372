"""The names of all request headers in the code of the installed RADOS Gateway."""

import re
from pathlib import Path

_ENVIRON = re.compile(
    rb"HTTP_(X_[A-Z0-9_]{3,60}|DEST[A-Z_]+|CACHE_CONTROL|CONTENT_(?:ENCODING|LANGUAGE)|E[A-Z]+|RGWX_[A-Z_]+)\0"
)
_NAME = re.compile(
    rb"\0(x-(?:amz|rgw|object|delete|goog|account|container|auth)-[a-z0-9-]{2,60})\0", re.IGNORECASE
)
# The gateway waits or answers otherwise by HTTP's rules.
_MEANT = {"expect", "content-md5"}


def all_names() -> list[str]:
    [library] = Path("/usr/lib").rglob("libradosgw.so.2.0.0")
    code = library.read_bytes()
    names = {name.decode().lower().replace("_", "-") for name in _ENVIRON.findall(code)}
    names |= {name.decode().lower() for name in _NAME.findall(code)}
    return sorted({f"{name}slipway" if name.endswith("-") else name for name in names} - _MEANT)
