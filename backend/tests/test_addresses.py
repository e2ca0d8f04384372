"""Where the page, its store and its own calls are, for each SLIPWAY_HOST."""

import socket
from typing import Any, Self

import pytest
from pydantic import ValidationError

from app.core.addresses import lan_addresses
from app.core.config import Settings

LAN = ["192.0.2.10", "2001:db8::10"]


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give this machine an address in each family and a name."""
    monkeypatch.setattr("app.core.config.lan_addresses", lambda *, ipv6: LAN if ipv6 else LAN[:1])
    monkeypatch.setattr("socket.gethostname", lambda: "NAS")


def make(**values: Any) -> Settings:
    return Settings(_env_file=None, **values)


@pytest.mark.parametrize(
    ("values", "addresses"),
    [
        ({}, ["http://127.0.0.1:8000"]),
        ({"slipway_host": "localhost"}, ["http://localhost:8000"]),
        ({"slipway_host": "::1"}, ["http://[::1]:8000"]),
        ({"slipway_host": "192.0.2.10"}, ["http://192.0.2.10:8000"]),
        ({"slipway_host": "0.0.0.0"}, ["http://localhost:8000", "http://192.0.2.10:8000"]),  # noqa: S104  # a setting
        (
            {"slipway_host": "::"},
            ["http://localhost:8000", "http://192.0.2.10:8000", "http://[2001:db8::10]:8000"],
        ),
        ({"slipway_host": "::1", "slipway_port": 80}, ["http://[::1]"]),
        ({"public_path": "/video"}, ["http://127.0.0.1:8000/video/"]),
        (
            {"public_path": "video", "app_origins": "https://v.example:443"},
            ["https://v.example/video/"],
        ),
        (
            {"slipway_host": "::", "app_origins": "http://LocalHost:8000, https://v.example:443"},
            ["http://localhost:8000", "https://v.example"],
        ),
    ],
)
def test_announces_addresses_that_work(values: dict[str, Any], addresses: list[str]) -> None:
    settings = make(**values, s3_public_endpoint_url="http://store.example")

    assert settings.page_addresses == addresses
    assert {address.removesuffix("/video/") for address in addresses} <= set(settings.page_origins)


def test_a_bucket_allows_every_address_of_this_machine() -> None:
    origins = make(slipway_host="::").page_origins

    for host in ("127.0.0.1", "localhost", "[::1]", "192.0.2.10", "[2001:db8::10]", "nas"):
        assert f"http://{host}:8000" in origins


@pytest.mark.parametrize("name", ["my machine", ""])
def test_machine_without_host_name_is_no_error(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: name)

    assert "http://192.0.2.10:8000" in make(slipway_host="::").page_origins


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104  # a setting, not bound
        ("::", "::1"),
        ("::1", "::1"),
        ("192.0.2.10", "192.0.2.10"),
    ],
)
def test_own_calls_go_to_an_address_of_this_machine(host: str, own: str) -> None:
    assert make(slipway_host=host).own_host == own


@pytest.mark.parametrize(
    ("values", "follows"),
    [
        ({}, False),
        ({"slipway_host": "::1"}, False),
        ({"slipway_host": "localhost"}, False),
        ({"slipway_host": "0.0.0.0"}, True),  # noqa: S104  # a setting, not bound
        ({"slipway_host": "::"}, True),
        ({"slipway_host": "192.0.2.10"}, True),
        ({"slipway_host": "::", "app_origins": "http://video.example"}, True),
        ({"slipway_host": "::", "s3_public_endpoint_url": "http://store.example"}, False),
        ({"slipway_host": "::", "s3_bucket": "videos"}, False),
    ],
)
def test_store_is_named_like_the_page_beyond_loopback(values: dict[str, Any], *, follows: bool) -> None:
    assert make(**values).store_follows_host is follows


def test_https_page_requires_address_of_the_store() -> None:
    with pytest.raises(ValidationError, match="S3_PUBLIC_ENDPOINT_URL"):
        make(slipway_host="::", app_origins="https://video.example")


class _Route:
    """A UDP socket on a network that gave this machine no address."""

    def __init__(self, family: socket.AddressFamily, _kind: socket.SocketKind) -> None:
        self._family = family

    def connect(self, _address: tuple[str, int]) -> None:
        pass

    def getsockname(self) -> tuple[str, int]:
        return ("169.254.3.4" if self._family is socket.AF_INET else "fe80::1", 9)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        pass


def test_announces_no_link_local_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.core.addresses.socket.socket", _Route)

    assert lan_addresses(ipv6=True) == []
