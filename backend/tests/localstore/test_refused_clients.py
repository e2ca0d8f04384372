"""The store remembers whose last request it has refused, so that nobody else waits for their next."""

import time
import warnings
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from localstore.answers import REFUSED_KEY
from localstore.front_door import FrontDoor
from localstore.places import Client

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # eventlet warns of its deprecation
    from swift.common.http_protocol import SwiftHttpProtocol

    from localstore.protocol import PublicProtocol
    from localstore.turns import Turns

KEY, SECRET = "slipway:0123456789abcdef", "s" * 64
HOST = "127.0.0.1:9000"


class Body:
    position, content_length = 0, 0


def ask(method: str = "GET", change: str = "", **more: str) -> dict[str, Any]:
    """Send a signed request with `change` behind its signature to the front door, and return its WSGI environment."""
    signed = AWSRequest(method="GET", url=f"http://{HOST}/slipway/videos/a")
    S3SigV4QueryAuth(Credentials(KEY, SECRET), "s3", "us-east-1", expires=900).add_auth(signed)
    assert signed.url is not None
    url = urlsplit(signed.url)
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": url.path,
        "QUERY_STRING": url.query + change,
        "headers_raw": (("Host", HOST),),
        "eventlet.input": Body(),
        **more,
    }
    FrontDoor({KEY: SECRET}, ["http://page"]).admitting(lambda *_: [])(environ, lambda *_: lambda _: None)
    return environ


def test_right_signature_is_not_refused() -> None:
    assert ask()[REFUSED_KEY] is False


def test_wrong_signature_is_refused() -> None:
    assert ask(change="0")[REFUSED_KEY] is True


def test_url_that_has_ended_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1000)
    assert ask()[REFUSED_KEY] is True


def test_preflight_tells_nothing_about_its_client() -> None:
    """Browsers send one before a part, and it must neither help nor harm."""
    assert REFUSED_KEY not in ask("OPTIONS", HTTP_ORIGIN="http://page")


@pytest.mark.parametrize(
    ("environ", "before", "after"),
    [
        ({REFUSED_KEY: True}, False, True),
        ({REFUSED_KEY: False}, True, False),
        ({}, True, True),
        ({}, False, False),
    ],
)
def test_connection_tells_the_turns(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, object], before: bool, after: bool
) -> None:
    monkeypatch.setattr(SwiftHttpProtocol, "handle_one_response", lambda _: None)
    client, turns = Client("10.0.0.2", is_limited=True), Turns()
    turns.note(client, is_refused=before)
    connection: Any = PublicProtocol.__new__(PublicProtocol)
    connection._place, connection._turns = type("Place", (), {"client": client})(), turns
    connection.environ = environ

    connection.handle_one_response()

    assert (client in turns._refused) is after
