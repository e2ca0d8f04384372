"""Removes signatures, tokens, passwords and keys from log text, of the store and of the app."""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Final
from urllib.parse import quote, quote_plus

REMOVED: Final = "[removed]"
_SHORTEST_KNOWN: Final = 8
"""A shorter value also occurs as a part of words, and would make logs unreadable. The shapes below still find it."""

_SEPARATOR: Final = r"(?:%3d|[\\'\"]*\s*[:=]\s*(?:b(?=\\*['\"]))?)"
_VALUE: Final = r"(?:(?P<quote>\\*['\"]).*?(?:(?P=quote)|\Z)|[^&\s'\",;)}\]]+)"
_NAME: Final = (
    r"pass(?:word|wd|phrase)|secret(?:_?access_?key)?|token|api_?key|private_?key|signature|credential"
)
_NAMED: Final = re.compile(
    # Settings, fields of forms and answers, parameters of drivers, and what signs a URL of S3 or CloudFront.
    rf"(?P<name>{_NAME}|awsaccesskeyid|(?<=[?&])policy|_session)(?P<separator>{_SEPARATOR}){_VALUE}",
    re.IGNORECASE | re.DOTALL,
)
_HEADER: Final = re.compile(
    r"(?P<name>(?<![\w-])(?:proxy-)?authorization|(?<![\w-])(?:set-)?cookie)"
    r"(?P<separator>['\"]\s*[:,=]\s*b?['\"]|\s*[:=]\s*)[^'\"\r\n]+",
    re.IGNORECASE,
)
_BARE: Final = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\$argon2[^\s'\"]+"
    r"|(?<=://)[^\s:@/'\"]*:[^\s@/'\"]+(?=@)"
    r"|(?i:(?<=bearer ))[\w.~+/=-]{16,}"
    # 64 hexadecimal digits are a signature or the embedded store's secret, 43 of Base64url a session's token.
    r"|(?i:(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f]))"
    r"|(?<![\w-])(?=[\w-]*[A-Z])(?=[\w-]*[a-z])(?=[\w-]*\d)[A-Za-z0-9_-]{43}(?![\w-])",
    re.DOTALL,
)

_PLAIN: Final = re.compile(r"[\w.-]{0,42}")
"""A word, a number or a UUID. It is too short for the shapes above, and most values of log lines are of this kind."""

Redact = Callable[[str], str]


@lru_cache(256)
def names_a_secret(name: str) -> bool:
    """Return whether a value of this name is not to be logged, whatever its shape."""
    return re.search(rf"{_NAME}|authorization|cookie", name, re.IGNORECASE) is not None


def redact(text: str) -> str:
    """Return the text without what has the shape of a secret."""
    if _PLAIN.fullmatch(text):
        return text
    for pattern in (_HEADER, _NAMED):
        text = pattern.sub(rf"\g<name>\g<separator>{REMOVED}", text)
    return _BARE.sub(REMOVED, text)


def redacting(secrets: Iterable[str]) -> Redact:
    """Return `redact` that also removes these values, as they are and as URLs encode them."""
    known = {secret for secret in secrets if len(secret) >= _SHORTEST_KNOWN}
    forms = known | {encode(secret, safe="") for secret in known for encode in (quote, quote_plus)}
    if not forms:
        return redact
    # The longest first, because one may be a part of another.
    pattern = re.compile("|".join(re.escape(form) for form in sorted(forms, key=len, reverse=True)))
    return lambda text: redact(pattern.sub(REMOVED, text))
