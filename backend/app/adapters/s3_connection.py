"""Where the bucket is, and boto3's clients and signers for it."""

import os
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader, create_loader

from app.adapters.s3_credentials import keep_named_ends
from app.adapters.s3_region import see_redirects
from app.adapters.s3_signing import S3UrlSigner
from app.core.origins import is_loopback

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class S3Connection:
    """Where the bucket is, and the limits of calls to it."""

    bucket: str
    region: str
    endpoint_url: str | None
    """None for AWS."""
    public_endpoint_url: str | None
    access_key_id: str | None
    """None for botocore's own chain."""
    secret_access_key: str | None = field(repr=False)
    threads: int
    queue: int
    connect_timeout_seconds: float
    read_timeout_seconds: float
    attempts: int
    session_token: str | None = field(default=None, repr=False)
    credentials_end: datetime | None = None
    """When `session_token` ends. botocore's chain knows the end of its own credentials."""
    ca_bundle: str | None = None
    """The file of the certificates to trust. None for botocore's own."""
    is_embedded: bool = False
    """Whether this is our own store, which no proxy and no AWS setting of this machine is for."""

    def client(self, endpoint_url: str | None, read_timeout_seconds: float) -> "S3Client":
        config = Config(
            signature_version="s3v4",
            s3={"addressing_style": self._addressing_style(endpoint_url)},
            retries={"mode": "standard", "total_max_attempts": self.attempts},
            connect_timeout=self.connect_timeout_seconds,
            read_timeout=read_timeout_seconds,
            max_pool_connections=self.threads + 1,  # a check has its own thread
            # Newer SDK defaults add CRC32 trailers that other engines do not know.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # Without proxies, botocore reads the environment. No proxy reaches a loopback address of this machine.
            proxies={}
            if self.is_embedded or is_loopback(urlsplit(endpoint_url or "").hostname or "")
            else None,
        )
        client: S3Client = self._session.client("s3", endpoint_url=endpoint_url, config=config)
        see_redirects(client)
        return client

    def _addressing_style(self, endpoint_url: str | None) -> Literal["path", "virtual"]:
        # Other engines seldom have wildcard DNS, and AWS's wildcard certificate covers no bucket name with dots.
        # "auto" presigns for the global host, which may redirect to the bucket's region. Browsers follow no redirect
        # of a preflight.
        return "path" if endpoint_url or "." in self.bucket else "virtual"

    @cached_property
    def _session(self) -> boto3.Session:
        """Shared by all clients, so that they share a role's keys."""
        core = _session_without_environment() if self.is_embedded else botocore.session.get_session()
        if self.ca_bundle:
            # Also for the clients that botocore makes itself to renew a role's keys.
            core.set_config_variable("ca_bundle", self.ca_bundle)
        session = boto3.Session(
            botocore_session=core,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            aws_session_token=self.session_token,
            region_name=self.region,
        )
        # After boto3.Session, which adds a folder to the paths of the loader that it finds.
        core.register_component("data_loader", _shared_loader(core.get_config_variable("data_path")))
        if not self.access_key_id:
            keep_named_ends(session)
        return session


@cache
def _shared_loader(data_path: str | None) -> Loader:
    """Let all sessions share a loader, because it reads botocore's description of S3 once, which takes 0.1 s."""
    return create_loader(data_path)


def _session_without_environment() -> botocore.session.Session:
    """Return a session with botocore's defaults. It reads neither AWS_ variables nor files below ~/.aws."""
    no_files = {"config_file": os.devnull, "credentials_file": os.devnull}
    session = botocore.session.Session(
        session_vars={
            name: (None, None, no_files.get(name, default), convert)
            for name, (_, _, default, convert) in botocore.session.Session.SESSION_VARIABLES.items()
        }
    )
    session.get_component("config_store").set_config_variable("s3", {})
    return session


def make_signer(connection: S3Connection) -> S3UrlSigner:
    """Return the signer of URLs for browsers."""
    return signer_at(public_client(connection), connection)


def signer_at(client: "S3Client", connection: S3Connection) -> S3UrlSigner:
    """Return the signer of URLs at the client's endpoint."""
    credentials = client._request_signer._credentials  # type: ignore[attr-defined]  # private, but renews a role's keys
    url = bucket_url(client, connection.bucket)
    return S3UrlSigner(credentials, connection.region, url, connection.credentials_end)


def public_client(connection: S3Connection) -> "S3Client":
    endpoint_url = connection.public_endpoint_url or connection.endpoint_url
    return connection.client(endpoint_url, connection.read_timeout_seconds)


def bucket_url(client: "S3Client", bucket: str) -> str:
    # boto3 decides whether the bucket is in the host or in the path.
    example = client.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "key"})
    return example.partition("?")[0].removesuffix("key")
