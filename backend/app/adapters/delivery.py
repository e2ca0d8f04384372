"""URLs for finished videos, signed by CloudFront or presigned for the bucket."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import quote

from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from app.adapters.s3_signing import S3UrlSigner
from app.core.recent import Recent
from app.ports import DeliveryUrl

KEPT_URLS: Final = 10_000
"""As many as USER_MAX_VIDEOS. About 15 MB, with the longest names 50 MB. Signing takes up to 2 ms of the event loop,
and a list has 100 URLs."""


@dataclass
class PresignedDelivery:
    """DeliveryUrls without a CDN."""

    signer: S3UrlSigner
    ttl_seconds: int
    _signed: Recent[str] = field(default_factory=lambda: Recent(KEPT_URLS), repr=False)

    def url_for(self, object_key: str, filename: str, now: datetime) -> DeliveryUrl:
        signed_at = window_start(now, self.ttl_seconds)
        expires_at = self.signer.valid_until(signed_at + timedelta(seconds=self.ttl_seconds), now)
        seconds = int((expires_at - signed_at).total_seconds())

        def sign() -> str:
            query = {"response-content-disposition": content_disposition(filename)}
            return self.signer.presign_get(object_key, query, signed_at, seconds)

        key = (*self.signer.signs_as(), object_key, filename, signed_at, seconds)
        return DeliveryUrl(self._signed.get(key, sign), expires_at)


class CloudFrontDelivery:
    """DeliveryUrls over a CloudFront distribution with a key group (canned policy)."""

    def __init__(self, domain: str, key_pair_id: str, private_key_pem: str, ttl_seconds: int) -> None:
        self._domain = domain
        self._ttl_seconds = ttl_seconds
        self._signer = CloudFrontSigner(key_pair_id, _message_signer(private_key_pem))
        self._signed: Recent[str] = Recent(KEPT_URLS)

    def url_for(self, object_key: str, filename: str, now: datetime) -> DeliveryUrl:
        expires_at = window_start(now, self._ttl_seconds) + timedelta(seconds=self._ttl_seconds)

        def sign() -> str:
            disposition = quote(content_disposition(filename), safe="")
            url = f"https://{self._domain}/{quote(object_key)}?response-content-disposition={disposition}"
            signed: str = self._signer.generate_presigned_url(url, date_less_than=expires_at)
            return signed

        return DeliveryUrl(self._signed.get((object_key, filename, expires_at), sign), expires_at)


def window_start(now: datetime, ttl_seconds: int) -> datetime:
    """Return the time to sign a URL at.

    It changes every three quarters of `ttl_seconds`, so the URL stays the same for players and caches, in every
    process, and has at least a quarter of its life left.
    """
    window = max(ttl_seconds * 3 // 4, 1)
    return datetime.fromtimestamp(int(now.timestamp()) // window * window, UTC)


def content_disposition(filename: str) -> str:
    """Return `attachment` with the file name in ASCII for old clients and in UTF-8 (RFC 6266)."""
    # Some clients would save into folders of that name.
    name = filename.replace("/", "_").replace("\\", "_")
    ascii_name = "".join(c if c.isascii() and c.isprintable() and c not in '"%;' else "_" for c in name)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name, safe='')}"


def _message_signer(private_key_pem: str) -> Callable[[bytes], bytes]:
    """Return the function that signs with an RSA 2048 (SHA-1, PKCS #1 v1.5) or ECDSA P-256 key."""
    key = load_pem_private_key(private_key_pem.encode(), password=None)
    if isinstance(key, rsa.RSAPrivateKey):
        return lambda message: key.sign(message, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  # CloudFront verifies SHA-1
    if isinstance(key, ec.EllipticCurvePrivateKey):
        # Deterministic (RFC 6979), so that the URL stays the same.
        return lambda message: key.sign(message, ec.ECDSA(hashes.SHA1(), deterministic_signing=True))  # noqa: S303  # as above
    raise ValueError("CLOUDFRONT_PRIVATE_KEY must be an RSA or an ECDSA P-256 key")
