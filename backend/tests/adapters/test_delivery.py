"""Delivery URLs verify in CloudFront, stay the same for a while, and carry the file name."""

import base64
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from botocore.credentials import Credentials
from botocore.signers import CloudFrontSigner
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import example, given
from hypothesis import strategies as st

from app.adapters.delivery import CloudFrontDelivery, PresignedDelivery, content_disposition, window_start
from app.adapters.s3_signing import S3UrlSigner
from app.core.opened_host import OPENED_HOST, at_opened_host, remember_opened_host
from app.domain.errors import FilenameInvalid
from app.domain.video_file import clean_filename
from app.ports import DeliveryUrls

KEY = "videos/6f1c/7a2b/3c4d.mp4"
NOW = datetime(2026, 1, 15, 12, 34, 56, tzinfo=UTC)
TTL = 14400
HOSTILE = 'a"; filename=evil.exe; x="\\..\\../é 🎬%22\u202e.mp4'

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def private_key(kind: str) -> Key:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def pem(key: Key | Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def cloudfront(kind: str, ttl_seconds: int = TTL) -> CloudFrontDelivery:
    return CloudFrontDelivery("d123.cloudfront.net", "K2JCJMDEHXQW5F", pem(private_key(kind)), ttl_seconds)


def presigned(ttl_seconds: int = TTL) -> PresignedDelivery:
    signer = S3UrlSigner(Credentials("key", "secret"), "us-east-1", "http://127.0.0.1:9000/slipway/")
    return PresignedDelivery(signer, ttl_seconds)


def verify(key: Key, signature: bytes, message: bytes) -> None:
    """Verify as CloudFront does. Raise InvalidSignature."""
    if isinstance(key, rsa.RSAPrivateKey):
        key.public_key().verify(signature, message, padding.PKCS1v15(), hashes.SHA1())  # noqa: S303  # CloudFront's
    else:
        key.public_key().verify(signature, message, ec.ECDSA(hashes.SHA1()))  # noqa: S303  # as CloudFront does


def taken_apart(url: str) -> tuple[str, int, bytes, str]:
    """Return the signed URL, its expiry, the signature and the key ID of a canned-policy URL."""
    resource, _, signed = re.split(r"([?&])(?=Expires=)", url)
    fields = {name: values[0] for name, values in parse_qs(signed).items()}
    signature = fields["Signature"].translate(str.maketrans("-_~", "+=/"))
    return resource, int(fields["Expires"]), base64.b64decode(signature, validate=True), fields["Key-Pair-Id"]


def policy(resource: str, expires: int) -> bytes:
    """Return the canned policy with CloudFront's white space and order (developer guide)."""
    condition = {"DateLessThan": {"AWS:EpochTime": expires}}
    statement = {"Statement": [{"Resource": resource, "Condition": condition}]}
    return json.dumps(statement, separators=(",", ":")).encode()


# --- CloudFront ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("filename", ["harbour.mp4", HOSTILE])
def test_url_verifies_with_public_key(kind: str, filename: str) -> None:
    delivered = cloudfront(kind).url_for(KEY, filename, NOW)

    resource, expires, signature, key_id = taken_apart(delivered.url)
    verify(private_key(kind), signature, policy(resource, expires))
    assert key_id == "K2JCJMDEHXQW5F"
    assert datetime.fromtimestamp(expires, UTC) == delivered.expires_at
    parts = urlsplit(resource)
    assert (parts.scheme, parts.netloc, parts.path) == ("https", "d123.cloudfront.net", f"/{KEY}")
    assert parse_qs(parts.query)["response-content-disposition"] == [content_disposition(filename)]


@pytest.mark.parametrize("kind", ["rsa", "ec"])
def test_signature_rejects_other_urls(kind: str) -> None:
    resource, expires, signature, _ = taken_apart(cloudfront(kind).url_for(KEY, "a.mp4", NOW).url)

    for changed in (policy(resource.replace("3c4d", "3c4e"), expires), policy(resource, expires + 1)):
        with pytest.raises(InvalidSignature):
            verify(private_key(kind), signature, changed)


def test_keys_rotate_while_the_key_group_has_both() -> None:
    """Processes take the new key when they restart, so for a while both sign."""
    group = {"K-OLD": private_key("rsa"), "K-NEW": private_key("ec")}
    signed = [
        CloudFrontDelivery("d123.cloudfront.net", key_id, pem(key), TTL).url_for(KEY, "a.mp4", NOW)
        for key_id, key in group.items()
    ]

    for delivered in signed:
        resource, expires, signature, key_id = taken_apart(delivered.url)
        verify(group[key_id], signature, policy(resource, expires))
    assert [taken_apart(delivered.url)[3] for delivered in signed] == list(group)


def test_rejects_key_that_cloudfront_rejects() -> None:
    with pytest.raises(ValueError, match="CLOUDFRONT_PRIVATE_KEY"):
        CloudFrontDelivery("d.cloudfront.net", "K", pem(Ed25519PrivateKey.generate()), TTL)


# --- how long a URL stays -----------------------------------------------------------------------------------------

DELIVERIES: dict[str, Callable[[], DeliveryUrls]] = {
    "cloudfront-rsa": lambda: cloudfront("rsa"),
    "cloudfront-ec": lambda: cloudfront("ec"),
    "presigned": presigned,
}


@pytest.mark.parametrize("name", DELIVERIES)
def test_url_changes_after_its_window(name: str) -> None:
    delivery = DELIVERIES[name]()
    begins = window_start(NOW, TTL)
    window = timedelta(seconds=TTL * 3 // 4)

    first = delivery.url_for(KEY, "a.mp4", begins)
    last = delivery.url_for(KEY, "a.mp4", begins + window - timedelta(microseconds=1))
    after = delivery.url_for(KEY, "a.mp4", begins + window)

    assert first == last
    assert after.url != first.url
    assert after.expires_at == first.expires_at + window


@pytest.mark.parametrize("name", DELIVERIES)
def test_url_is_signed_once_in_its_window(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    delivery = DELIVERIES[name]()
    first = delivery.url_for(KEY, "a.mp4", NOW)

    def refuse(*_: object, **__: object) -> str:
        raise AssertionError("signed again")

    monkeypatch.setattr(S3UrlSigner, "presign_get", refuse)
    monkeypatch.setattr(CloudFrontSigner, "generate_presigned_url", refuse)
    assert delivery.url_for(KEY, "a.mp4", NOW) == first
    for key, filename in ((KEY, "b.mp4"), (KEY + "x", "a.mp4")):
        with pytest.raises(AssertionError):
            delivery.url_for(key, filename, NOW)


def test_url_follows_region_host_and_credentials() -> None:
    credentials = Credentials("key", "secret")
    signer = S3UrlSigner(credentials, "us-east-1", f"http://{OPENED_HOST}:9000/slipway/")
    delivery = PresignedDelivery(signer, TTL)
    urls = [delivery.url_for(KEY, "a.mp4", NOW).url]
    remember_opened_host("video.example")
    urls.append(delivery.url_for(KEY, "a.mp4", NOW).url)
    signer.move("eu-central-1", signer.bucket_url)
    urls.append(delivery.url_for(KEY, "a.mp4", NOW).url)
    credentials.secret_key = "renewed"  # invented
    urls.append(delivery.url_for(KEY, "a.mp4", NOW).url)

    assert len(set(urls)) == 4


def test_a_long_host_header_is_no_host() -> None:
    remember_opened_host("a" * 30_000)
    assert at_opened_host(f"http://{OPENED_HOST}:9000/") == "http://127.0.0.1:9000/"


moments = st.integers(0, 4_000_000_000_000_000)
"""Microseconds since 1970."""
lives = st.integers(60, 604_800)


def at(microseconds: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=microseconds)


@given(moments, lives)
@example(10_799_999_999, TTL)
@example(10_800_000_000, TTL)
def test_a_quarter_of_the_life_is_left(microseconds: int, ttl_seconds: int) -> None:
    now = at(microseconds)

    expires_at = window_start(now, ttl_seconds) + timedelta(seconds=ttl_seconds)

    assert timedelta(seconds=ttl_seconds) / 4 < expires_at - now <= timedelta(seconds=ttl_seconds)


@given(moments, lives, st.integers(0, 10**12))
def test_window_never_goes_back(microseconds: int, ttl_seconds: int, later: int) -> None:
    now = at(microseconds)

    assert window_start(now, ttl_seconds) <= window_start(now + timedelta(microseconds=later), ttl_seconds)
    assert window_start(now, ttl_seconds) <= now


@given(moments)
def test_reported_expiry_is_signed_expiry(microseconds: int) -> None:
    delivered = presigned().url_for(KEY, "a.mp4", at(microseconds))

    fields = parse_qs(urlsplit(delivered.url).query)
    signed_at = datetime.strptime(fields["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert signed_at + timedelta(seconds=int(fields["X-Amz-Expires"][0])) == delivered.expires_at


# --- the name a browser saves under -------------------------------------------------------------------------------

DISPOSITION = re.compile(r"""^attachment; filename="([^"\\%;]*)"; filename\*=UTF-8''([A-Za-z0-9%._~-]*)$""")


@pytest.mark.parametrize(
    ("filename", "for_old_clients", "saved_as"),
    [
        ("harbour.mp4", "harbour.mp4", "harbour.mp4"),
        ("my video (1).mp4", "my video (1).mp4", "my video (1).mp4"),
        ('a"b.mp4', "a_b.mp4", 'a"b.mp4'),
        ("a;b.mp4", "a_b.mp4", "a;b.mp4"),
        ("100%25.mp4", "100_25.mp4", "100%25.mp4"),
        ("../../etc/passwd.mp4", ".._.._etc_passwd.mp4", ".._.._etc_passwd.mp4"),
        ("C:\\a.mp4", "C:_a.mp4", "C:_a.mp4"),
        ("é🎬.mp4", "__.mp4", "é🎬.mp4"),
        ("مقطع.mp4", "____.mp4", "مقطع.mp4"),
        ("it's*~.mp4", "it's*~.mp4", "it's*~.mp4"),
        ("a\r\nSet-Cookie: x.mp4", "a__Set-Cookie: x.mp4", "a\r\nSet-Cookie: x.mp4"),
    ],
)
def test_disposition_has_both_forms_of_name(filename: str, for_old_clients: str, saved_as: str) -> None:
    found = DISPOSITION.match(content_disposition(filename))

    assert found is not None
    assert (found[1], unquote(found[2])) == (for_old_clients, saved_as)


@given(st.text(max_size=100))
@example(HOSTILE)
def test_name_stays_within_header(filename: str) -> None:
    try:
        name = clean_filename(filename)
    except FilenameInvalid:
        return

    header = content_disposition(name)

    assert header.isascii()
    assert header.isprintable()
    found = DISPOSITION.match(header)
    assert found is not None
    assert unquote(found[2]) == name.replace("/", "_").replace("\\", "_")
