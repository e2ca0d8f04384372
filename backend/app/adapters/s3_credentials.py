"""Know when botocore's credentials end."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import boto3
from botocore.credentials import Credentials, ReadOnlyCredentials

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def keep_named_ends(session: boto3.Session) -> None:
    """Keep the ends that the metadata service of an instance names.

    botocore replaces one in the next 12 to 20 minutes by a later time, so that it asks the service less often.
    """
    chain = session._session.get_component("credential_provider")
    fetcher = chain.get_provider("iam-role")._role_fetcher
    replace_end = fetcher._evaluate_expiration
    fetcher.named_ends = {}

    def keep_and_replace(found: dict[str, Any]) -> None:
        last = list(fetcher.named_ends.items())[-1:]
        fetcher.named_ends = {**dict(last), found["access_key"]: datetime.fromisoformat(found["expiry_time"])}
        replace_end(found)

    fetcher._evaluate_expiration = keep_and_replace


def end_of(credentials: Credentials) -> datetime | None:
    """Return when the credentials end, None if that is unknown or never.

    If another thread renews them meanwhile, it is the end of the old ones, because botocore publishes new keys first.
    """
    end: datetime | None = getattr(credentials, "_expiry_time", None)
    frozen: ReadOnlyCredentials | None = getattr(credentials, "_frozen_credentials", None)
    fetcher = getattr(getattr(credentials, "_refresh_using", None), "__self__", None)
    named_ends: dict[str | None, datetime] = getattr(fetcher, "named_ends", {})
    return named_ends.get(frozen.access_key, end) if frozen else end


def describe_credentials(client: "S3Client") -> str:
    """Return where the client's credentials come from, as botocore names it, and their end if it is known."""
    credentials: Credentials = client._request_signer._credentials  # type: ignore[attr-defined]  # private
    source = "the settings" if credentials.method == "explicit" else str(credentials.method)
    ends_at = end_of(credentials)
    return f"{source}, until {ends_at:%Y-%m-%d %H:%M:%S %Z}" if ends_at else source
