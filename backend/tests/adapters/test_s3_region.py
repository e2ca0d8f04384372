"""The bucket's region is found however the store names it, and used for calls, URLs and the page's policy."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from structlog.testing import capture_logs

from app.adapters.s3 import S3Storage
from app.adapters.s3_connection import make_signer
from app.adapters.s3_region import find_region
from app.bootstrap import build
from app.core.config import Settings
from app.core.storage_causes import cause_of
from app.domain.errors import StorageUnavailable
from tests.adapters.scripted_server import Answer, ScriptedServer, Seen
from tests.contract.engines import request, s3_connection
from tests.engines.embedded import EmbeddedStore

KEY = "videos/a/b/c.mp4"
RIGHT, WRONG = "eu-central-1", "us-east-1"
Store = Callable[[Seen, str], Answer]


def error(status: int, code: str, region: str = "") -> Answer:
    named = f"<Region>{region}</Region>" if region else ""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code>{named}</Error>"
    return Answer(status, body.encode(), {"Content-Type": "application/xml"})


def with_header(answer: Answer, region: str) -> Answer:
    return Answer(answer.status, answer.body, {**answer.headers, "x-amz-bucket-region": region})


def located(region: str) -> Answer:
    return Answer(200, f"<LocationConstraint>{region}</LocationConstraint>".encode())


def refuses(answer: Answer) -> Store:
    """A store that answers so to every call that is signed for another region."""
    return lambda _, region: answer if region != RIGHT else Answer(200)


def locates(named: str, accepted: str) -> Store:
    """A store that answers GetBucketLocation in any region."""

    def answer(seen: Seen, region: str) -> Answer:
        if "location" in seen.path:
            return located(named)
        return Answer(200) if region == accepted else error(400, "AuthorizationHeaderMalformed")

    return answer


FINDABLE: dict[str, Store] = {
    "400 with header": refuses(with_header(error(400, "AuthorizationHeaderMalformed"), RIGHT)),
    "301 with header": refuses(with_header(error(301, "PermanentRedirect"), RIGHT)),
    "307 with header": refuses(with_header(error(307, "TemporaryRedirect"), RIGHT)),
    "403 with header": refuses(with_header(error(403, "AccessDenied"), RIGHT)),
    "400 with body": refuses(error(400, "AuthorizationHeaderMalformed", RIGHT)),
    "301 with body": refuses(error(301, "PermanentRedirect", RIGHT)),
    "403 with body": refuses(error(403, "SignatureDoesNotMatch", RIGHT)),
    "location only": locates(RIGHT, RIGHT),
    "200 with header": lambda _, __: with_header(Answer(200), RIGHT),
    "403 with header without the right to list": lambda _, __: with_header(error(403, "AccessDenied"), RIGHT),
}
KEPT: dict[str, Store] = {
    "the store names none": lambda _, __: Answer(200),
    "the store names this one": lambda _, __: with_header(Answer(200), WRONG),
    "the store names a place that it does not accept": lambda _, region: (
        with_header(Answer(200), "WNAM") if region == WRONG else error(400, "InvalidRegionName")
    ),
    "the store names nonsense": lambda _, __: with_header(Answer(200), "x.example/a?"),
}


class RegionalServer(ScriptedServer):
    """Answers as the store of a test, which sees the region of the signature."""

    store: Store

    def _pick(self, seen: Seen, _: object) -> Answer:
        signed = (
            seen.headers.get("authorization", "")
            + parse_qs(urlsplit(seen.path).query).get("X-Amz-Credential", [""])[0]
        )
        found = re.search(r"/\d{8}/([^/]*)/s3/", signed)
        assert found, "not signed"
        return self.store(seen, found[1])


@pytest.fixture(scope="module")
def server() -> Iterator[RegionalServer]:
    with RegionalServer() as running:
        yield running


def storage_at(url: str, **changes: Any) -> S3Storage:
    connection = s3_connection(url, "key", "secret", **{"attempts": 1, "region": WRONG, **changes})
    return S3Storage(connection, make_signer(connection))


def region_of_url(storage: S3Storage) -> str:
    url = storage.presign_part(KEY, "id", 1, 5, datetime.now(UTC), 900).url
    return parse_qs(urlsplit(url).query)["X-Amz-Credential"][0].split("/")[2]


@pytest.mark.parametrize("name", FINDABLE)
async def test_uses_the_region_that_the_store_names(server: RegionalServer, name: str) -> None:
    server.store = FINDABLE[name]

    with closing(storage_at(server.url)) as storage, capture_logs() as told:
        if name == "403 with header without the right to list":
            with pytest.raises(StorageUnavailable):
                await storage.check()
        else:
            await storage.check()
            await storage.check()

        assert region_of_url(storage) == RIGHT
    found = [line for line in told if line["event"] == "storage.region_found"]
    assert [(line["region"], line["instead_of"]) for line in found] == [(RIGHT, WRONG)]


async def test_takes_us_east_1_if_the_store_refuses_the_region_and_names_none(server: RegionalServer) -> None:
    """AWS_REGION of a machine at AWS names no region of another vendor's store."""
    server.store = lambda _, region: Answer(200) if region == WRONG else error(400, "InvalidRegionName")

    with closing(storage_at(server.url, region=RIGHT)) as storage:
        await storage.check()

        assert region_of_url(storage) == WRONG


@pytest.mark.parametrize("name", KEPT)
async def test_keeps_the_region_of_the_settings(server: RegionalServer, name: str) -> None:
    server.store = KEPT[name]

    with closing(storage_at(server.url)) as storage, capture_logs() as told:
        await storage.check()

        assert region_of_url(storage) == WRONG
    assert told == []


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(400, "AuthorizationHeaderMalformed"), "another region. The store answered 400 Auth"),
        (error(301, "PermanentRedirect"), "another region. The store answered 301 PermanentRedirect"),
    ],
)
async def test_unnamed_region_is_the_cause(server: RegionalServer, answer: Answer, words: str) -> None:
    server.store = lambda _, __: answer

    with closing(storage_at(server.url)) as storage, pytest.raises(StorageUnavailable) as raised:
        await storage.check()

    assert words in cause_of(raised.value)
    assert "S3_REGION" in cause_of(raised.value)


@pytest.mark.parametrize(("named", "region"), [("", "us-east-1"), ("EU", "eu-west-1"), (RIGHT, RIGHT)])
async def test_understands_locations(server: RegionalServer, named: str, region: str) -> None:
    """us-east-1 has no name and eu-west-1 may have an old one (S3 API reference, GetBucketLocation)."""
    server.store = locates(named, region)

    with closing(storage_at(server.url, region="ap-south-1")) as storage:
        await storage.check()

        assert region_of_url(storage) == region


async def test_finds_region_when_the_store_is_back(server: RegionalServer) -> None:
    server.store = lambda _, __: error(503, "SlowDown")
    with closing(storage_at(server.url)) as storage:
        with pytest.raises(StorageUnavailable):
            await storage.check()
        assert region_of_url(storage) == WRONG

        server.store = FINDABLE["400 with header"]
        await storage.check()

        assert region_of_url(storage) == RIGHT


def test_looks_for_a_region_once(server: RegionalServer) -> None:
    """A missing bucket has no region, and creating it takes the one of the settings."""
    server.store = lambda _, __: error(404, "NoSuchBucket")
    server.seen.clear()
    connection = s3_connection(server.url, "key", "secret", attempts=1)

    region, refusal = find_region(lambda _: connection.client(server.url, 5), "videos", WRONG)

    assert (region, refusal is None, len(server.seen)) == (WRONG, False, 1)


async def test_real_store_refuses_wrong_region_and_takes_found_one(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store:
        store.client().create_bucket(Bucket="slipway")
        keys = store.credentials
        connection = s3_connection(
            store.endpoint_url, keys.access_key_id, keys.secret_access_key, region="eu-west-3"
        )
        with closing(S3Storage(connection, make_signer(connection))) as storage:
            early = storage.presign_part(KEY, "id", 1, 5, datetime.now(UTC), 900).url
            assert request("PUT", early, b"12345")[0] == 400

            await storage.check()

            made = await storage.create_multipart_upload(KEY, "video/mp4", "attachment", {})
            part = storage.presign_part(KEY, made.upload_id, 1, 5, datetime.now(UTC), 900)
            assert request("PUT", part.url, b"12345")[0] == 200


# --- which setting is meant -----------------------------------------------------------------------------------------

SET = {"S3_REGION": "eu-south-1", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-north-1"}


def at_aws(folder: Path, **values: Any) -> Settings:
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s"}
    given: Any = {"s3_bucket": "videos", "slipway_data_dir": folder, **keys, **values}
    return Settings(_env_file=None, **given)


@pytest.mark.parametrize(
    ("names", "region"),
    [
        ([], "us-east-1"),
        (["S3_REGION"], "eu-south-1"),
        (["AWS_REGION"], "eu-west-1"),
        (["AWS_DEFAULT_REGION"], "eu-north-1"),
        (["AWS_DEFAULT_REGION", "AWS_REGION"], "eu-west-1"),
        (["AWS_DEFAULT_REGION", "S3_REGION"], "eu-south-1"),
        (["AWS_DEFAULT_REGION", "AWS_REGION", "S3_REGION"], "eu-south-1"),
    ],
)
async def test_first_set_region_wins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, names: list[str], region: str
) -> None:
    for name in names:
        monkeypatch.setenv(name, SET[name])
    application = build(at_aws(tmp_path))

    host = "s3" if region == "us-east-1" else f"s3.{region}"
    assert application.store_origins() == [f"https://videos.{host}.amazonaws.com"]
    await application.close()


async def test_policy_follows_the_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """At AWS the region is part of the host that the page sends parts to."""
    application = build(at_aws(tmp_path))
    storage = application.storage
    assert isinstance(storage, S3Storage)
    monkeypatch.setattr("app.adapters.s3.find_region", lambda *_: (RIGHT, None))

    await storage.check()

    assert application.store_origins() == [f"https://videos.s3.{RIGHT}.amazonaws.com"]
    storage.close()
    await application.close()


async def test_embedded_store_ignores_settings_for_aws(tmp_path: Path) -> None:
    application = build(at_aws(tmp_path, s3_bucket="", aws_region=RIGHT, aws_session_token="t"))

    connection = application.connection
    assert connection is not None
    assert (connection.region, connection.session_token) == ("us-east-1", None)
    await application.close()
