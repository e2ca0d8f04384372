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
    after = [ours, *(rule for rule in rules if not _is_ours(rule))]
    is_same = [_comparable(rule) for rule in rules] == [_comparable(rule) for rule in after]
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


def _is_ours(rule: Rule) -> bool:
    """Return whether we wrote the rule. Earlier versions wrote it without an ID."""
    if "ID" in rule:
        return bool(rule["ID"] == _ID)
    return _comparable({**rule, "AllowedOrigins": []}) == _comparable(our_rule([]))


def _comparable(rule: Rule) -> Mapping[str, Any]:
    """Return what the rule allows, without its ID, which some stores drop, and in one order and case."""
    lists = {name: sorted(str(item) for item in rule.get(name, ())) for name in _LISTS}
    lists["AllowedHeaders"] = sorted({name.lower() for name in lists["AllowedHeaders"]})
    return {**lists, "MaxAgeSeconds": rule.get("MaxAgeSeconds")}
