"""Which settings are accepted and which stop the start."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError

from app.core.config import Settings

SAFE = {
    "environment": "production",
    "s3_bucket": "videos",
    "app_origins": "https://video.example",
    "metrics_token": "a long secret",
}

CLOUDFRONT = {"cloudfront_domain": "d1.cloudfront.net", "cloudfront_key_pair_id": "K1"}


def make(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


def test_defaults_are_for_one_machine() -> None:
    settings = make()

    assert settings.uses_embedded_store
    assert settings.bucket == "slipway"
    assert settings.effective_database_url == f"sqlite+aiosqlite:///{Path.cwd() / 'data' / 'slipway.db'}"
    assert settings.page_origins == [
        "http://127.0.0.1:8000",
        "http://localhost:8000",
        "http://127.0.0.1:3000",
        "http://localhost:3000",
    ]
    assert not settings.cookies_are_secure


def test_reads_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_PORT", "8123")
    monkeypatch.setenv("APP_ORIGINS", "https://a.example, https://b.example,")

    settings = make()

    assert settings.slipway_port == 8123
    assert settings.page_origins == ["https://a.example", "https://b.example"]


def test_reads_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("SLIPWAY_PORT=8123\nSOMETHING_ELSE=1\n")
    monkeypatch.chdir(tmp_path)

    assert Settings().slipway_port == 8123


def test_accepts_safe_production() -> None:
    settings = make(**SAFE)

    assert settings.cookies_are_secure
    assert not settings.is_local
    assert settings.page_origins == ["https://video.example"]


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"s3_bucket": ""}, "S3_BUCKET"),
        ({"app_origins": ""}, "APP_ORIGINS"),
        ({"app_origins": "http://video.example"}, "APP_ORIGINS"),
        ({"app_origins": "https://video.example,http://127.0.0.1:8000"}, "APP_ORIGINS"),
        ({"metrics_token": ""}, "METRICS_TOKEN"),
    ],
)
def test_unsafe_production_names_the_setting(change: dict[str, str], names: str) -> None:
    with pytest.raises(ValidationError, match=names):
        make(**{**SAFE, **change})


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"presign_ttl_seconds": 901}, "presign_ttl_seconds"),
        ({"presign_ttl_seconds": 0}, "presign_ttl_seconds"),
        ({"max_upload_bytes": 2 * 1024**3 + 1}, "max_upload_bytes"),
        ({"slipway_port": 65_536}, "slipway_port"),
        ({"environment": "staging"}, "environment"),
        ({"app_origins": "video.example"}, "app_origins"),
        ({"app_origins": "https://video.example/app"}, "app_origins"),
        ({"app_origins": "*"}, "app_origins"),
        ({"cloudfront_domain": "d1.cloudfront.net"}, "CLOUDFRONT_KEY_PAIR_ID"),
        ({"cloudfront_key_pair_id": "K1", "cloudfront_private_key": "-----BEGIN"}, "CLOUDFRONT_DOMAIN"),
        ({"slipway_port": "abc"}, "slipway_port"),
        ({"slipway_port": "0"}, "slipway_port"),
        ({"app_origins": "http://a b"}, "app_origins"),
        ({"trusted_proxies": "garbage"}, "trusted_proxies"),
        ({"database_url": "garbage"}, "database_url"),
        ({"database_url": "mysql://x/y"}, "database_url"),
        ({"s3_endpoint_url": "garbage"}, "s3_endpoint_url"),
        ({"s3_public_endpoint_url": "s3.example"}, "s3_public_endpoint_url"),
        ({"s3_bucket": "Bad_Bucket!"}, "s3_bucket"),
        ({"aws_access_key_id": "a"}, "AWS_SECRET_ACCESS_KEY"),
        ({"aws_secret_access_key": "a"}, "AWS_ACCESS_KEY_ID"),
        ({"aws_session_token": "t"}, "AWS_SESSION_TOKEN belongs to AWS_ACCESS_KEY_ID"),
        ({"aws_access_key_id": "a", "aws_session_token": "t"}, "Set both or none"),
        ({"aws_secret_access_key": "a", "aws_session_token": "t"}, "Set both or none"),
        ({"s3_endpoint_url": "http://minio_server:9000", "s3_bucket": "videos"}, "underscore"),
        ({"aws_credential_expiration": "tomorrow"}, "aws_credential_expiration"),
        ({"s3_region": "eu central"}, "s3_region"),
        ({"aws_region": "eu_central_1"}, "aws_region"),
        ({"aws_default_region": "-eu"}, "aws_default_region"),
        (
            {"s3_public_endpoint_url": "https://video.example/store"},
            "S3_PUBLIC_ENDPOINT_URL must have no path",
        ),
        ({"upload_grace_seconds": "99999999999999"}, "upload_grace_seconds"),
        ({"sweep_interval_seconds": "99999999999999"}, "sweep_interval_seconds"),
        ({"session_idle_seconds": "99999999999999"}, "session_idle_seconds"),
        ({**CLOUDFRONT, "cloudfront_private_key": "/nowhere"}, "CLOUDFRONT_PRIVATE_KEY"),
        ({**CLOUDFRONT, "cloudfront_private_key": "-----BEGIN x"}, "CLOUDFRONT_PRIVATE_KEY"),
        ({**SAFE, "s3_endpoint_url": "http://s3.example"}, "S3_PUBLIC_ENDPOINT_URL"),
    ],
)
def test_rejects_invalid_value(values: dict[str, Any], names: str) -> None:
    with pytest.raises(ValidationError, match=names):
        make(**values)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_host_needs_no_public_endpoint(host: str) -> None:
    assert make(slipway_host=host).uses_embedded_store


def test_reads_cloudfront_key_from_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    settings = make(**CLOUDFRONT, cloudfront_private_key=str(file))

    assert settings.cloudfront_private_key_pem == file.read_text()


def test_hides_secrets() -> None:
    settings = make(
        **SAFE,
        aws_access_key_id="id",
        aws_secret_access_key="the-key",
        aws_session_token="the-token",
        database_url="postgresql+psycopg://u:pw@h/n",
    )

    shown = f"{settings!r} {settings}"
    assert "the-key" not in shown
    assert "the-token" not in shown
    assert "pw@h" not in shown
    assert "a long secret" not in shown


def test_rejected_database_url_stays_hidden() -> None:
    with pytest.raises(ValidationError) as refused:
        make(database_url="mysql://slipway:geheim@db/slipway")
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize("name", ["s3_endpoint_url", "s3_public_endpoint_url"])
@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("http://rgw:7480/", "http://rgw:7480"),
        (" https://s3.example ", "https://s3.example"),
        ("https://ref.storage.example/storage/v1/s3", "https://ref.storage.example/storage/v1/s3"),
        ("https://s3.example/storage/v1/s3/", "https://s3.example/storage/v1/s3"),
        ("http://[::1]:9000/s3", "http://[::1]:9000/s3"),
        ("https://s3.example/a-b_c.d~e", "https://s3.example/a-b_c.d~e"),
    ],
)
def test_endpoint_may_have_a_path(name: str, given: str, taken: str) -> None:
    assert getattr(make(s3_bucket="videos", **{name: given}), name) == taken


@pytest.mark.parametrize(
    "url",
    [
        "https://s3.example?x=1",
        "https://s3.example/a#b",
        "https://s3.example/a//b",
        "https://s3.example/../b",
        "https://s3.example/a/./b",
        "https://s3.example/a%20b",
        "https://s3.example/a b",
        "https://s3.example/ü",
        "https://user:geheim@s3.example",
        "https://user:geheim@s3.example/a",
    ],
)
def test_endpoint_that_breaks_signatures_is_refused_without_its_value(url: str) -> None:
    with pytest.raises(ValidationError, match="because signatures would break") as refused:
        make(s3_bucket="videos", s3_endpoint_url=url)
    assert "geheim" not in str(refused.value)
