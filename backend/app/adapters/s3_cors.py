"""Merge our CORS rule into those of a bucket, which other applications may use too."""

import difflib
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from app.core.operator_errors import OperatorError
from app.core.storage_causes import cause_of, status_and_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Rule = Mapping[str, Any]

_ID: Final = "slipway"
_LISTS: Final = ("AllowedOrigins", "AllowedMethods", "AllowedHeaders", "ExposeHeaders")
_NEEDED: Final = _LISTS[:3]
"""Without these no part can be sent. Some stores keep no other fields."""


class CorsUnreadable(OperatorError):
    pass


def our_rule(origins: Sequence[str]) -> Rule:
    """Let the page's origins send parts and read finished videos."""
    return {
        "ID": _ID,
        "AllowedOrigins": list(origins),
        "AllowedMethods": ["PUT", "GET", "HEAD"],
        "AllowedHeaders": ["content-md5"],
        # For debugging. The page reads no header of the store.
        "ExposeHeaders": ["ETag"],
        "MaxAgeSeconds": 3600,
    }


def merged(rules: Sequence[Rule], origins: Sequence[str]) -> Sequence[Rule]:
    """Return the rules with ours first and without an older one of ours, or `rules` itself if nothing changes.

    Stores use the first rule that matches, and Ceph the first whose origin matches. A rule of another application in
    front of ours, for example one for every origin, could hide it.
    """
    ours = our_rule(origins)
    after = [ours, *(rule for rule in rules if not _is_ours(rule, ours))]
    is_same = len(rules) == len(after) and all(map(_allows, rules, after))
    return rules if is_same else after


def difference(before: Sequence[Rule], after: Sequence[Rule]) -> list[str]:
    """Return a line for each rule, with `+` for a new one, `-` for a removed one and a space for one that stays."""
    old, new = ([json.dumps(rule, sort_keys=True) for rule in rules] for rules in (before, after))
    return [line for line in difflib.ndiff(old, new) if not line.startswith("?")]


def read_rules(client: "S3Client", bucket: str) -> Sequence[Rule] | None:
    """Return the bucket's rules, or None if the engine has no such call. Raise CorsUnreadable or ClientError."""
    try:
        return client.get_bucket_cors(Bucket=bucket).get("CORSRules", [])
    except ClientError as error:
        status, code = status_and_code(error)
        if status in (405, 501) or code == "NotImplemented":
            return None
        if status == 404 and code not in ("", "NoSuchBucket"):
            return []  # AWS's code is NoSuchCORSConfiguration
        if status == 403:
            raise CorsUnreadable(
                f"The bucket's CORS rules cannot be read, so nothing was changed. {cause_of(error)} "
                "`slipway storage apply` needs s3:GetBucketCORS to keep the rules of other applications."
            ) from error
        raise


def _is_ours(rule: Rule, ours: Rule) -> bool:
    """Return whether we wrote the rule. Earlier versions wrote it without an ID, and some stores give their own."""
    if rule.get("ID") == _ID:
        return True
    names = _LISTS if "ID" in rule else _LISTS[1:]
    return all(
        _names(rule, name) == _names(ours, name) for name in names if rule.get(name) or name in _NEEDED
    )


def _allows(stored: Rule, wanted: Rule) -> bool:
    """Return whether the stored rule is the wanted one, as far as the store keeps it. Some drop what is optional."""
    is_kept = (name for name in _LISTS if stored.get(name) or name in _NEEDED)
    ages = {wanted.get("MaxAgeSeconds"), stored.get("MaxAgeSeconds", wanted.get("MaxAgeSeconds"))}
    return len(ages) == 1 and all(_names(stored, name) == _names(wanted, name) for name in is_kept)


def _names(rule: Rule, name: str) -> list[str]:
    """Return the names in one order. Those of headers have no case."""
    return sorted(str(item).lower() if name == "AllowedHeaders" else str(item) for item in rule.get(name, ()))
