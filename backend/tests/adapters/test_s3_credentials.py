"""Calls and URLs carry the session token from wherever it comes, and no URL claims to outlive the credentials."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.credentials import Credentials, RefreshableCredentials, SSOProvider
from botocore.exceptions import CredentialRetrievalError

from app.adapters.delivery import PresignedDelivery
from app.adapters.s3 import S3Storage
from app.adapters.s3_signing import S3UrlSigner
from app.bootstrap import build
from app.core.config import Settings
from app.core.storage_causes import cause_of
from app.domain.errors import StorageUnavailable
from tests.adapters.fake_aws import KEY_ID, SECRET, TOKEN, FakeAws
from tests.waiting import TIMEOUT_SECONDS

KEY = "videos/a/b/c.mp4"
LIFE = timedelta(minutes=14)
"""Shorter than the URLs of parts and of finished videos."""
START_URL = "https://company.awsapps.com/start"

Configure = Callable[[FakeAws, Path], dict[str, str]]
MakeSettings = Callable[[str, dict[str, Configure]], Settings]


def process(aws: FakeAws, folder: Path) -> dict[str, str]:
    (folder / "credentials.json").write_text(json.dumps(aws.credentials_json()))
    return config(folder, f"[default]\ncredential_process = /bin/cat {folder}/credentials.json\n")


def web_identity(aws: FakeAws, folder: Path) -> dict[str, str]:
    (folder / "web-identity").write_text("a token of the cluster")
    role = {"AWS_ROLE_ARN": "arn:aws:iam::123456789012:role/video", "AWS_ROLE_SESSION_NAME": "video"}
    return {
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(folder / "web-identity"),
        "AWS_ENDPOINT_URL_STS": aws.url,
        **role,
    }


def assumed_role(aws: FakeAws, folder: Path) -> dict[str, str]:
    text = "[profile video]\nrole_arn = arn:aws:iam::123456789012:role/video\nsource_profile = base\n"
    keys = "[profile base]\naws_access_key_id = AKIABASE\naws_secret_access_key = base-secret\n"
    return {**config(folder, text + keys), "AWS_PROFILE": "video", "AWS_ENDPOINT_URL_STS": aws.url}


def sso(aws: FakeAws, folder: Path) -> dict[str, str]:
    cache = folder / ".aws" / "sso" / "cache"
    cache.mkdir(parents=True)
    token = {"accessToken": "t", "expiresAt": "2999-01-01T00:00:00Z", "startUrl": START_URL}
    (cache / f"{hashlib.sha1(START_URL.encode()).hexdigest()}.json").write_text(json.dumps(token))  # noqa: S324  # botocore's
    account = "sso_account_id = 123456789012\nsso_role_name = video\n"
    text = f"[profile video]\nsso_start_url = {START_URL}\nsso_region = us-east-1\n{account}"
    return {**config(folder, text), "AWS_PROFILE": "video", "AWS_ENDPOINT_URL_SSO": aws.url}


def config(folder: Path, text: str) -> dict[str, str]:
    (folder / "config").write_text(text)
    return {"AWS_CONFIG_FILE": str(folder / "config")}


KEYS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}
KNOWN_END: dict[str, Configure] = {
    "settings": lambda aws, _: {**KEYS, "AWS_CREDENTIAL_EXPIRATION": aws.ends_at.isoformat()},
    "process of a profile": process,
    "web identity": web_identity,
    "assumed role of a profile": assumed_role,
    "SSO profile": sso,
    "container": lambda aws, _: {"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{aws.url}/container"},
    "instance role": lambda aws, _: {
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{aws.url}/",
        "AWS_EC2_METADATA_DISABLED": "false",
    },
}
UNKNOWN_END: dict[str, Configure] = {
    "settings with another's empty end": lambda _, __: {**KEYS, "AWS_CREDENTIAL_EXPIRATION": ""},
    "settings": lambda _, __: KEYS,
    "settings with a line break": lambda _, __: {name: f"{value}\n" for name, value in KEYS.items()},
    "profile": lambda _, folder: {
        **config(
            folder,
            "[profile video]\n" + "".join(f"{name.lower()} = {value}\n" for name, value in KEYS.items()),
        ),
        "AWS_PROFILE": "video",
    },
}


@pytest.fixture
def aws() -> Iterator[FakeAws]:
    with FakeAws(LIFE) as running:
        yield running


@pytest.fixture
def make_settings(aws: FakeAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeSettings:
    def make(source: str, table: dict[str, Configure]) -> Settings:
        nowhere = {"AWS_CONFIG_FILE": "/nowhere", "AWS_SHARED_CREDENTIALS_FILE": "/nowhere"}
        for name, value in {
            **nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            **table[source](aws, tmp_path),
        }.items():
            monkeypatch.setenv(name, value)
        # botocore reads HOME when it is imported.
        monkeypatch.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(tmp_path / ".aws" / "sso" / "cache"))
        return Settings(
            _env_file=None, s3_bucket="videos", s3_endpoint_url=aws.url, slipway_data_dir=tmp_path
        )

    return make


async def signed(settings: Settings) -> list[tuple[str, datetime]]:
    """Make a call, and return both kinds of URL with their announced ends."""
    application = build(settings)
    storage, now = application.storage, datetime.now(UTC)
    assert isinstance(storage, S3Storage)
    await storage.check()
    part = storage.presign_part(KEY, "id", 1, 5, now, 900)
    delivered = application.delivery.url_for(KEY, "a.mp4", now)
    storage.close()
    await application.close()
    return [(part.url, part.expires_at), (delivered.url, delivered.expires_at)]


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def signed_end(url: str) -> datetime:
    fields = query(url)
    signed_at = datetime.strptime(fields["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return signed_at + timedelta(seconds=int(fields["X-Amz-Expires"]))


@pytest.mark.parametrize("source", KNOWN_END)
async def test_temporary_credentials_carry_token_and_end(
    make_settings: MakeSettings, aws: FakeAws, source: str
) -> None:
    urls = await signed(make_settings(source, KNOWN_END))

    assert set(aws.s3_tokens) == {TOKEN}
    for url, announced in urls:
        assert query(url)["X-Amz-Security-Token"] == TOKEN
        assert announced == signed_end(url) == aws.ends_at


@pytest.mark.parametrize("source", UNKNOWN_END)
async def test_token_without_known_end_is_carried(
    make_settings: MakeSettings, aws: FakeAws, source: str
) -> None:
    urls = await signed(make_settings(source, UNKNOWN_END))

    assert set(aws.s3_tokens) == {TOKEN}
    for url, announced in urls:
        assert query(url)["X-Amz-Security-Token"] == TOKEN
        assert announced == signed_end(url)


async def test_lasting_keys_ignore_the_end_of_others(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = make_settings("settings", KNOWN_END)
    monkeypatch.delenv("AWS_SESSION_TOKEN")

    urls = await signed(settings.__class__(**{**settings.model_dump(), "aws_session_token": ""}))

    part, delivered = (announced for _, announced in urls)
    assert part > datetime.now(UTC) + LIFE
    assert delivered == signed_end(urls[1][0])


# --- credentials that are about to be renewed -----------------------------------------------------------------------

Renewal = tuple[str, float] | None
"""The keys that renewing gives and the minutes until they end, None if renewing fails."""


@pytest.fixture
def now() -> datetime:
    """The real time of this test, because botocore compares ends with it."""
    return datetime.now(UTC).replace(microsecond=0)


def refreshable(now: datetime, minutes: float, renewal: Renewal) -> RefreshableCredentials:
    return RefreshableCredentials.create_from_metadata(
        keys(now, "OLD", minutes), lambda: renew(now, renewal), "test"
    )


def renew(now: datetime, renewal: Renewal) -> dict[str, Any]:
    if renewal is None:
        raise CredentialRetrievalError(provider="test", error_msg="no answer")
    return keys(now, *renewal)


def keys(now: datetime, name: str, minutes: float) -> dict[str, Any]:
    ends_at = now + timedelta(minutes=minutes)
    return {"access_key": name, "secret_key": "s", "token": name, "expiry_time": ends_at.isoformat()}


def signer_with(credentials: Credentials) -> S3UrlSigner:
    return S3UrlSigner(credentials, "eu-central-1", "https://v.s3.eu-central-1.amazonaws.com/")


RENEWALS: dict[str, tuple[float, Renewal, str, float]] = {
    "not due": (16, None, "OLD", 16),
    "due and done": (14, ("NEW", 60), "NEW", 60),
    "due and failed": (14, None, "OLD", 14),
    "urgent and done": (5, ("NEW", 60), "NEW", 60),
    "urgent with the same keys": (5, ("OLD", 5), "OLD", 5),
    "ended and done": (-5, ("NEW", 60), "NEW", 60),
}
"""Minutes left, what renewing gives, the token that URLs carry and the minutes that they may last."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("case", RENEWALS)
def test_urls_end_with_the_credentials_they_carry(case: str, now: datetime) -> None:
    minutes, renewal, token, left = RENEWALS[case]
    signer = signer_with(refreshable(now, minutes, renewal))

    part = signer.presign_part(KEY, "id", 1, 5, now, 900)
    delivered = PresignedDelivery(signer, 14400).url_for(KEY, "a.mp4", now)

    assert part.expires_at == signed_end(part.url) == now + timedelta(minutes=min(left, 15))
    assert delivered.expires_at == signed_end(delivered.url) <= now + timedelta(minutes=left)
    assert query(part.url)["X-Amz-Security-Token"] == query(delivered.url)["X-Amz-Security-Token"] == token


def test_url_keeps_old_end_while_another_thread_renews(now: datetime) -> None:
    renewing, may_end = threading.Event(), threading.Event()

    def renewed() -> dict[str, Any]:
        renewing.set()
        assert may_end.wait(TIMEOUT_SECONDS)
        return keys(now, "NEW", 60)

    credentials = RefreshableCredentials.create_from_metadata(keys(now, "OLD", 14), renewed, "test")
    thread = threading.Thread(target=credentials.get_frozen_credentials)
    thread.start()
    assert renewing.wait(TIMEOUT_SECONDS)

    during = signer_with(credentials).presign_part(KEY, "id", 1, 5, now, 900)
    may_end.set()
    thread.join()
    after = signer_with(credentials).presign_part(KEY, "id", 1, 5, now, 900)

    assert ("=OLD" in during.url, during.expires_at) == (True, now + timedelta(minutes=14))
    assert ("=NEW" in after.url, after.expires_at) == (True, now + timedelta(minutes=15))


@pytest.mark.parametrize(
    ("minutes", "renewal"),
    [
        pytest.param(5, None, id="urgent and failed"),
        pytest.param(-5, ("OLD", -1), id="ended and still ended"),
    ],
)
def test_no_url_without_valid_credentials(minutes: float, renewal: Renewal, now: datetime) -> None:
    signer = signer_with(refreshable(now, minutes, renewal))

    with pytest.raises(StorageUnavailable) as part:
        signer.presign_part(KEY, "id", 1, 5, now, 900)
    with pytest.raises(StorageUnavailable):
        PresignedDelivery(signer, 14400).url_for(KEY, "a.mp4", now)
    assert "credentials" in cause_of(part.value)


def test_no_url_after_the_end_that_the_settings_name(now: datetime) -> None:
    signer = S3UrlSigner(Credentials("k", "s", "t"), "us-east-1", "http://s/b/", now - timedelta(minutes=1))

    with pytest.raises(StorageUnavailable) as raised:
        # The window of this URL began hours ago, when the credentials were valid.
        PresignedDelivery(signer, 14400).url_for(KEY, "a.mp4", now)
    assert cause_of(raised.value) == "The AWS credentials have ended and were not renewed."
