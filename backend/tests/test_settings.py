"""Which settings are accepted and which stop the start."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from annotated_types import Le
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import ValidationError
from sqlalchemy import text

from app.core.config import Settings
from app.core.schema import sync_engine
from app.domain.limits import Limit

SAFE = {
    "environment": "production",
    "registration": "open",
    "max_total_bytes": "1000000000000",
    "trusted_proxies": "10.0.0.5",
    "s3_bucket": "videos",
    "app_origins": "https://video.example",
    "metrics_token": "a token for metrics",
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
    ]
    assert not settings.cookies_are_secure


@pytest.mark.parametrize("name", ["what?", "a%20b", "a#b", "a@b:c", "two words", "größe"])
def test_the_database_is_in_the_data_folder_whatever_its_name(name: str, tmp_path: Path) -> None:
    folder = tmp_path / name
    settings = make(slipway_data_dir=folder)
    settings.make_data_dir()

    with sync_engine(settings.effective_database_url).connect() as connection:
        connection.execute(text("CREATE TABLE anything (id INTEGER)"))

    assert (folder / "slipway.db").is_file()


@pytest.mark.parametrize("value", ["10/minute", "100/15 minutes", "1 per second", "5/2 days"])
def test_accepts_one_limit(value: str) -> None:
    assert make(limit_read_per_user=value).limits[Limit.READ_PER_USER].amount > 0


def test_empty_limit_is_none() -> None:
    assert Limit.READ_PER_USER not in make(limit_read_per_user="").limits


@pytest.mark.parametrize(
    "value",
    [
        *("10", "0/minute", "ten/minute", "10/fortnight", "1/second; 10/minute", "-1/hour"),
        *("2147483648/minute", "1/10000000000 years"),
    ],
)
@pytest.mark.parametrize("limit", Limit)
def test_refuses_another_limit_with_an_example(limit: Limit, value: str) -> None:
    with pytest.raises(ValidationError, match=f"limit_{limit}(.|\n)*is not a limit like 10/minute"):
        make(**{f"limit_{limit}": value})


@pytest.mark.parametrize(
    "value", ["", "memory://", "redis://127.0.0.1:6379/0", "rediss://:secret@cache.example:6379"]
)
def test_accepts_counters(value: str) -> None:
    assert make(limits_url=value).limits_url.get_secret_value() == value


@pytest.mark.parametrize(
    "value",
    [
        "memory",
        "redis",
        "redis://cache.example",
        "redis://:secret@:6379",
        "http://secret@cache.example:80",
        "redis://secret@cache.example:port",
    ],
)
def test_refuses_other_counters_without_repeating_them(value: str) -> None:
    with pytest.raises(ValidationError, match="it is memory://, or like redis://host:6379/0") as refused:
        make(limits_url=value)
    assert "secret" not in str(refused.value)


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


@pytest.mark.parametrize(("said", "is_open"), [("", True), ("open", True), ("closed", False)])
def test_registration_is_open_locally_unless_closed(said: str, is_open: bool) -> None:
    assert make(registration=said).registration_is_open is is_open


def test_numbers_have_bounds() -> None:
    """What a database, a timer or a lock can't take stops the start instead of failing each request."""
    numbers = {
        name: field
        for name, field in Settings.model_fields.items()
        if field.annotation in (int, float, int | None)
    }
    assert len(numbers) > 20

    for name, field in numbers.items():
        (most,) = (rule.le for rule in field.metadata if isinstance(rule, Le))
        assert isinstance(most, int)
        assert most < 2**63, name
        for refused in ("1" + "0" * 19, "inf", most + 1):
            with pytest.raises(ValidationError, match=name):
                make(**{name: refused})
        if name != "slipway_store_port":  # The app has the port.
            make(**{name: most})


def test_empty_limit_is_no_limit() -> None:
    settings = make(max_accounts="", max_total_bytes="")

    assert (settings.max_accounts, settings.max_total_bytes) == (None, None)


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"s3_bucket": ""}, "S3_BUCKET"),
        ({"app_origins": ""}, "APP_ORIGINS"),
        ({"app_origins": "http://video.example"}, "APP_ORIGINS"),
        ({"app_origins": "https://video.example,http://127.0.0.1:8000"}, "APP_ORIGINS"),
        ({"limits_url": "redis://cache.example:6379/0"}, "LIMITS_URL must be rediss"),
        ({"limits_url": "rediss://cache.example:6379/0?ssl_cert_reqs=none"}, "certificate check"),
        ({"limits_url": "rediss://cache.example:6379/0?ssl_cert_reqs=optional"}, "certificate check"),
        ({"limits_url": "rediss://cache.example:6379/0?ssl_check_hostname=false"}, "certificate check"),
        (
            {"limits_url": "rediss://cache.example:6379/0?ssl_cert_reqs=none&ssl_cert_reqs=required"},
            "certificate check",
        ),
        ({"metrics_token": ""}, "METRICS_TOKEN"),
        ({"trusted_proxies": ""}, "TRUSTED_PROXIES is required"),
        ({"max_total_bytes": ""}, "REGISTRATION=open needs MAX_ACCOUNTS or MAX_TOTAL_BYTES"),
        ({"registration": ""}, "REGISTRATION"),
        (
            {
                "s3_endpoint_url": "http://rgw.internal:7480",
                "s3_public_endpoint_url": "https://objects.example",
            },
            "ALLOW_PLAIN_S3",
        ),
        ({"database_url": "postgresql+psycopg://u:geheim@db.internal/slipway"}, "ALLOW_PLAIN_DATABASE"),
    ],
)
def test_unsafe_production_names_the_setting(change: dict[str, str], names: str) -> None:
    with pytest.raises(ValidationError, match=names):
        make(**{**SAFE, **change})


@pytest.mark.parametrize(
    "networks",
    [
        "0.0.0.0/0",
        "0.0.0.0/1, 128.0.0.0/1",
        "::/0",
        "10.0.0.5, 2000::/3",
        "::ffff:0:0/96",
        "::ffff:0:0/97",
        "2000::/7",
        "11.0.0.0/8",
        "10.0.0.0/7",
        "2001::/16",
    ],
)
def test_refuses_proxies_that_are_everybody(networks: str) -> None:
    with pytest.raises(ValidationError, match="Name only your proxies"):
        make(trusted_proxies=networks)


@pytest.mark.parametrize(
    "networks",
    [
        "10.0.0.0/8",
        "fc00::/7",
        "192.0.2.1, 2001:db8::1",
        "::ffff:10.0.0.0/104",
        "100.64.0.0/10",
        "104.16.0.0/13, 2600:9000::/28",
    ],
)
def test_accepts_proxies_of_a_private_network_or_a_cdn(networks: str) -> None:
    assert make(trusted_proxies=networks).trusted_proxies


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({"presign_ttl_seconds": 901}, "presign_ttl_seconds"),
        ({"presign_ttl_seconds": 0}, "presign_ttl_seconds"),
        ({"max_upload_bytes": 2 * 1024**3 + 1}, "max_upload_bytes"),
        ({"slipway_port": 65_536}, "slipway_port"),
        ({"environment": "staging"}, "environment"),
        ({"registration": "invited"}, "registration"),
        ({"max_accounts": "0"}, "max_accounts"),
        ({"max_total_bytes": "0"}, "max_total_bytes"),
        ({"app_origins": "video.example"}, "app_origins"),
        ({"app_origins": "https://video.example/app"}, "app_origins"),
        ({"app_origins": "*"}, "app_origins"),
        ({"cloudfront_domain": "d1.cloudfront.net"}, "CLOUDFRONT_KEY_PAIR_ID"),
        ({"cloudfront_key_pair_id": "K1", "cloudfront_private_key": "-----BEGIN"}, "CLOUDFRONT_DOMAIN"),
        ({"slipway_port": "abc"}, "slipway_port"),
        ({"slipway_port": "0"}, "slipway_port"),
        ({"app_origins": "http://a b"}, "app_origins"),
        ({"trusted_proxies": "garbage"}, "trusted_proxies"),
        ({"metrics_token": "fifteen letters"}, "metrics_token"),
        ({"database_url": "garbage"}, "database_url"),
        ({"database_url": "mysql://x/y"}, "database_url"),
        ({"database_url": "postgresql+psycopg://u:p@h:port/n"}, "Percent-encode"),
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


@pytest.mark.parametrize(
    "values",
    [
        {"s3_endpoint_url": "http://127.0.0.1:9000", "s3_public_endpoint_url": "https://objects.example"},
        {
            "s3_endpoint_url": "http://rgw.internal:7480",
            "s3_public_endpoint_url": "https://objects.example",
            "allow_plain_s3": "true",
        },
        {"database_url": "postgresql+psycopg://u:p@db.internal/slipway?sslmode=verify-full"},
        {"database_url": "postgresql+psycopg://u:p@db.internal/slipway", "allow_plain_database": "true"},
    ],
)
def test_production_takes_encrypted_local_and_allowed_links(values: dict[str, str]) -> None:
    assert not make(**{**SAFE, **values}).is_local


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, True),
        ({"slipway_host": "::1"}, True),
        ({"slipway_host": "0.0.0.0"}, False),  # noqa: S104  # a setting, not bound
        ({"slipway_host": "192.0.2.10"}, False),
        (SAFE, False),
    ],
)
def test_knows_whether_it_is_for_this_machine(values: dict[str, str], expected: bool) -> None:
    assert make(**values).is_for_this_machine is expected


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_host_needs_no_public_endpoint(host: str) -> None:
    assert make(slipway_host=host).uses_embedded_store


def test_reads_cloudfront_key_from_file(tmp_path: Path) -> None:
    file = tmp_path / "key.pem"
    key = ec.generate_private_key(ec.SECP256R1())
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))

    settings = make(**CLOUDFRONT, cloudfront_private_key=str(file))

    assert settings.cloudfront_private_key_pem == file.read_text()


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_refuses_a_file_without_certificates(tmp_path: Path, content: str | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_text(content)

    with pytest.raises(ValidationError, match="is not a file of certificates"):
        make(s3_bucket="videos", aws_ca_bundle=str(file))
    assert make(aws_ca_bundle=str(file)).uses_embedded_store, "which needs none"


def test_hides_secrets() -> None:
    settings = make(
        **SAFE,
        aws_access_key_id="id",
        aws_secret_access_key="the-key",
        aws_session_token="the-token",
        database_url="postgresql+psycopg://u:pw@h/n?sslmode=require",
    )

    shown = f"{settings!r} {settings}"
    assert "the-key" not in shown
    assert "the-token" not in shown
    assert "pw@h" not in shown
    assert "a token for metrics" not in shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://slipway:geheim@db/slipway", "it begins with"),
        ("postgresql+psycopg://slipway:geheim@geheim@db/slipway", "Percent-encode special characters"),
        ("postgresql+psycopg://slipway:geheim@geheim:geheim@db/slipway", "Percent-encode"),
        ("postgresql+psycopg://slipway:geheim@geheim/geheim@db:5432/slipway", "Percent-encode"),
        ("postgresql+psycopg://slipway:geheim@geheim?geheim@db/slipway", "Percent-encode"),
        ("postgresql+psycopg://slipway:geheim@geheim?geheim=geheim@db/slipway", "Percent-encode"),
        ("postgresql+psycopg://db/slipway?geheim=1", "a parameter that PostgreSQL's client doesn't know"),
    ],
)
def test_rejected_database_url_stays_hidden(url: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said) as refused:
        make(database_url=url)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    ("password", "written"),
    [("p:/?#[]", "p:/?#[]"), ("p@ss/w?rd%", "p%40ss%2Fw%3Frd%25"), ("p@:/", quote("p@:/", safe=""))],
)
def test_password_may_have_special_characters(password: str, written: str) -> None:
    url = f"postgresql+psycopg://ann@server:{written}@db:5432/slipway?sslmode=require"

    assert password in make(database_url=url).secret_values


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


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"scan_command": "sh 'unclosed"}, "SCAN_COMMAND|scan_command"),
        ({"scan_command": "/no/such/scanner --now"}, "there is no program '/no/such/scanner'"),
        ({"scan_url": "http://scanner.example/scan"}, "it must be https"),
        ({"scan_url": "scanner.example"}, "no scheme"),
        ({"scan_url": "https://ann:secret@scanner.example"}, "user name"),
        ({"scan_url": "https://scanner.example/scan?key=1"}, "query"),
        ({"scan_command": "sh", "scan_url": "https://scanner.example"}, "exclude each other"),
        ({"scan_timeout_seconds": 0}, "greater than or equal to 1"),
    ],
)
def test_refuses_an_unsafe_scanner(values: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as raised:
        Settings(_env_file=None, **values)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["https://scanner.example/scan", "http://127.0.0.1:8080/scan", "http://[::1]:8080"]
)
def test_takes_the_address_of_a_scanner(url: str) -> None:
    assert Settings(_env_file=None, scan_url=url).scan_url == url
