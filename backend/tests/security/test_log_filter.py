"""If an event, a traceback or a library's message contains a secret, the log has `[removed]` in its place."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from urllib.parse import quote

import boto3
import pytest
import structlog
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from app.core.config import Settings
from app.core.logging import configure_logging
from localstore.redaction import REMOVED, redact, redacting
from tests.adapters.scripted_server import Answer, ScriptedServer
from tests.api.test_file_names import KEPT, REFUSED

TOKEN = "Zk3-Qx9vL0aTn5Yc2wRb7_UdJh8sMfGe1PiKo4XzVqA"
HEX = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
PEM = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\nAgEGCCqGSM49\n-----END PRIVATE KEY-----"
SHAPES = {
    "a presigned URL": (f"https://s3/b/k?partNumber=1&X-Amz-Signature={HEX}&x=1", HEX),
    "a presigned URL's credential": ("?X-Amz-Credential=AKIAPLANTED%2F20261122%2Fs3&x=1", "AKIAPLANTED"),
    "a temporary key's token": ("?X-Amz-Security-Token=FwoGZXIvYXdzEPLANTED%2F%2F&x=1", "PLANTED"),
    "a header of temporary keys": ("{'X-Amz-Security-Token': b'FwoGZXPLANTED=='}", "PLANTED"),
    "a URL within a URL": (f"?next=%2Fk%3FX-Amz-Signature%3D{HEX}", HEX),
    "CloudFront's signature": ("/a.mp4?Expires=1&Signature=pl4nt3d~-x_&Key-Pair-Id=K1", "pl4nt3d"),
    "CloudFront's policy": ("/a.mp4?x=1&Policy=pl4nt3d_&Signature=y&Key-Pair-Id=K1", "pl4nt3d"),
    "an authorization header": (
        "Authorization: AWS4-HMAC-SHA256 Credential=planted/s3, Signature=x",
        "planted",
    ),
    "an authorization header as bytes": ("(b'authorization', b'Bearer planted')", "planted"),
    "an authorization header as JSON": ('{"Authorization": "Basic cGxhbnRlZA=="}', "cGxhbnRlZA"),
    "a bearer token": ("sent Bearer planted-planted-planted", "planted"),
    "a cookie": ("cookie: theme=dark; slipway_session=planted; a=b", "planted"),
    "a set-cookie": ("'set-cookie': '__Host-slipway_session=planted; HttpOnly'", "planted"),
    "a cookie alone": ("__Secure-slipway_session=planted", "planted"),
    "a session token alone": (f"no session {TOKEN} found", TOKEN),
    "a password in JSON": ('{"password": "correct horse", "email": "x"}', "horse"),
    "a password in escaped JSON": (r'"{\"new_password\": \"correct horse\"}"', "horse"),
    "a password in a call": ("sign_in(email='x', current_password='correct \"horse')", "horse"),
    "a password that is cut off": ("{'password': 'correct horse", "horse"),
    "a password in a form": ("username=x&password=correct+horse&grant_type=password", "horse"),
    "a driver's parameter": ("host=db user=slipway password=planted dbname=x", "planted"),
    "a database's URL": ("postgresql+psycopg://slipway:pl%40nted@db/slipway", "pl%40nted"),
    "a setting": ("AWS_SECRET_ACCESS_KEY=wJalrPLANTED/bPx", "PLANTED"),
    "a key file": (f"cannot load {PEM} here", "MIGHAgEA"),
    "a key file that is cut off": (PEM[:60], "MIGHAgEA"),
    "a password's hash": ("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA", "c2FsdA"),
    "the embedded store's secret": (f"key {HEX} alone", HEX),
}
ORDINARY = [
    "ERROR with Object server 127.0.0.1:9001/d1 re: Trying to PUT /v1/AUTH_slipway/b/k: Timeout (30s)",
    "videos/6f1c2a4e-8f3b-4c8f-9d58-1f1f0c3a2b11/7a2b9e1c-0d5e-4a47-8f0e-2a9c1c2b3d4e/3c4d.mp4",
    "https://video.example/videos?cursor=abc&limit=20",
    '"9bb58f26192e4ba00f01e2e7b136bbd8-5"',
    "account.password_changed",
    "The credentials lack a right that Slipway needs.",
    "[::1]:9000/slipway?uploads",
]


@pytest.mark.parametrize("kind", SHAPES)
def test_removes_a_value_of_known_shape(kind: str) -> None:
    text, secret = SHAPES[kind]
    assert secret in text

    shown = redact(text)

    assert secret not in shown
    assert REMOVED in shown


def test_removes_the_first_letter_too() -> None:
    """Python's `b` before bytes is no part of a value, and the `b` of a signature is."""
    assert redact("/k?Signature=bPl4nt3d&x=1") == f"/k?Signature={REMOVED}&x=1"
    assert redact("{'Signature': b'bPl4nt3d'}") == f"{{'Signature': b{REMOVED}}}"


@pytest.mark.parametrize("text", ORDINARY)
def test_keeps_other_text(text: str) -> None:
    assert redact(text) == text


@given(st.text(min_size=8).filter(lambda secret: REMOVED not in secret), st.text(), st.text())
def test_removes_known_values_whatever_they_are(secret: str, before: str, after: str) -> None:
    shown = redacting([secret])

    # What is left and right of it may be a part of the value again.
    assert f"\n{secret}\n" not in shown(f"{before}\n{secret}\n{after}")
    assert shown(f"a {secret} b") != f"a {secret} b"


def test_removes_known_values_as_urls_encode_them() -> None:
    secret = "k3y/with+signs and space"

    shown = redacting([secret])(f"{quote(secret, safe='')} {quote(secret)} k3y%2Fwith%2Bsigns+and+space")

    assert "k3y" not in shown.replace(quote(secret), "")


@pytest.fixture
def log() -> Iterator[StringIO]:
    """Return the log of an installation whose settings have secrets."""
    root = logging.getLogger()
    handlers, level, before = root.handlers, root.level, structlog.get_config()
    written = StringIO()
    configure_logging(written, secrets=PLANTED.secret_values)
    yield written
    structlog.configure(**before)
    root.handlers, root.level = handlers, level


PLANTED = Settings(
    _env_file=None,
    database_url="postgresql+psycopg://slipway:planted%2Fdatabase@db/slipway",
    aws_access_key_id="AKIA",
    aws_secret_access_key="planted store key",
    aws_session_token="planted store token",
    metrics_token="planted metrics token",
    limits_url="rediss://:planted-redis@cache.example:6379/0",
)
VALUES = [
    "planted/database",
    "planted-redis",
    "planted store key",
    "planted store token",
    "planted metrics token",
]


def assert_none_in(text: str) -> None:
    assert text
    assert [value for value in VALUES if value in text or quote(value, safe="") in text] == []


def test_settings_know_their_secrets(tmp_path: Path) -> None:
    assert set(VALUES) < set(PLANTED.secret_values)
    assert not set(VALUES) & {*repr(PLANTED).split("'")}
    assert_none_in(repr(PLANTED))
    assert_none_in(str(PLANTED.model_dump()))
    key = tmp_path / "key.pem"
    key.write_text("no key")
    with pytest.raises(ValueError, match="CLOUDFRONT_PRIVATE_KEY") as refused:
        Settings(
            _env_file=None,
            cloudfront_domain="d.cloudfront.net",
            cloudfront_key_pair_id="K",
            cloudfront_private_key=str(key),
        )
    assert "no key" not in str(refused.value)


@pytest.mark.parametrize("value", VALUES)
def test_event_of_ours_has_no_secret(log: StringIO, value: str) -> None:
    structlog.get_logger().info(
        "x.y", fact=value, deep={"a": [value, {value: (value,)}]}, other=Exception(value)
    )
    structlog.get_logger().info(value)

    assert_none_in(log.getvalue())
    assert [json.loads(line)["level"] for line in log.getvalue().splitlines()] == ["info", "info"]


def test_fact_with_the_name_of_a_secret_has_no_value(log: StringIO) -> None:
    structlog.get_logger().info("x.y", password="a b", access_token="c", cookies={"a": "d"}, count=3)

    event = json.loads(log.getvalue())
    assert (event["password"], event["access_token"], event["count"]) == (REMOVED, REMOVED, 3)
    assert event["cookies"] == {"a": "d"}


def raise_with(value: str) -> None:
    raise RuntimeError(f"cannot use {value}")


@pytest.mark.parametrize("value", VALUES)
def test_traceback_has_no_secret(log: StringIO, value: str) -> None:
    for logger in (structlog.get_logger(), logging.getLogger("uvicorn.error")):
        try:
            raise_with(value)
        except RuntimeError:
            logger.exception("request.failed")

    assert_none_in(log.getvalue())
    first, second = (json.loads(line) for line in log.getvalue().splitlines())
    assert "RuntimeError: cannot use [removed]" in first["exception"]
    assert "RuntimeError: cannot use [removed]" in second["exception"]


def test_library_that_logs_requests_has_no_secret(log: StringIO) -> None:
    """botocore at DEBUG logs headers, the string to sign and the signature."""
    logging.getLogger().setLevel(logging.DEBUG)
    with ScriptedServer() as server:
        server.script(Answer(403))
        client = boto3.client(
            "s3",
            endpoint_url=server.url,
            aws_access_key_id=PLANTED.aws_access_key_id,
            aws_secret_access_key=PLANTED.aws_secret_access_key.get_secret_value(),
            aws_session_token=PLANTED.aws_session_token.get_secret_value(),
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 0}),
        )
        url = client.generate_presigned_url("get_object", Params={"Bucket": "b", "Key": "k"})
        logging.getLogger("urllib3").debug("GET %s", url)
        with pytest.raises(ClientError):
            client.head_object(Bucket="b", Key="k")
        client.close()

    text = log.getvalue()
    assert_none_in(text)
    assert "/b/k" in text
    signature = url.rpartition("Signature=")[2].partition("&")[0]
    assert signature not in text
    assert "Signature=" not in text.replace(f"Signature={REMOVED}", "")


def test_hostile_values_make_no_line_of_their_own(log: StringIO) -> None:
    names = [*KEPT.values(), *(name for name, _ in REFUSED.values() if len(name) < 300)]
    for name in names:
        structlog.get_logger().info("x.y", filename=name)
        logging.getLogger("library").warning("cannot read %s", name)

    events = [json.loads(line) for line in log.getvalue().splitlines()]
    assert len(events) == 2 * len(names)
    assert [event["filename"] for event in events[::2]] == [redact(name) for name in names]
    assert {event["level"] for event in events} == {"info", "warning"}
