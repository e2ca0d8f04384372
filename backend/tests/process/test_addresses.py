"""Each address that `slipway serve` announces takes a video, from this machine and from others."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.core.addresses import lan_addresses
from app.core.origins import is_loopback, url_host
from app.embedded import EmbeddedStoreProcess, StoreNotStarted
from tests.engines.slipway import BRIEF, SlipwayProcess
from tests.waiting import TIMEOUT_SECONDS

NOWHERE = "http://127.0.0.1:9"
COMPANY = {
    **dict.fromkeys(("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE),
    "AWS_PROFILE": "missing",
    "AWS_ENDPOINT_URL": NOWHERE,
    "AWS_ENDPOINT_URL_S3": NOWHERE,
    "AWS_CA_BUNDLE": "/missing/ca.pem",
    "AWS_CONFIG_FILE": "/missing/config",
}
# 127.0.0.2 stands for an address of this machine that nobody wrote into a setting.
IPV4_HOSTS = ("localhost", "127.0.0.1", "127.0.0.2", socket.gethostname())


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    slipway = SlipwayProcess(tmp_path / "data")
    yield slipway
    slipway.stop()


def store_host(host: str, slipway: SlipwayProcess) -> str:
    """Return the store's host for a page at `host`. On this machine it is another name, for the sake of cookies."""
    if announced_hosts(slipway) == ["[::1]"]:
        return "[::1]"
    if host == "localhost":
        return "127.0.0.1"
    return "localhost" if is_loopback(host) else host


def upload_at(slipway: SlipwayProcess, host: str) -> None:
    """Sign in as the page at `host` does, and send a part with the URL and the CORS headers that it gets."""
    page = f"http://{host}:{slipway.port}"
    with httpx.Client(base_url=page, timeout=TIMEOUT_SECONDS, limits=BRIEF, trust_env=False) as browser:
        browser.headers["Origin"] = page
        policy = browser.get("/login").headers.get("content-security-policy", "")
        account = {"email": f"{os.urandom(6).hex()}@example.com", "password": "correct horse"}
        assert browser.post("/api/v1/auth/register", json=account).status_code == 201
        assert browser.post("/api/v1/auth/login", json=account).status_code == 200
        body = {"filename": "holiday.mp4", "size_bytes": 1000, "content_type": "video/mp4"}
        created = browser.post("/api/v1/videos", json=body)
        assert created.status_code == 201, created.text
        (part,) = created.json()["upload"]["parts"]
        store = store_host(host, slipway)
        assert part["url"].startswith(f"http://{store}:{slipway.store_port}/")
        source = f"http://{'*' if store.startswith('[') else store}:{slipway.store_port}"
        assert f"connect-src 'self' {source};" in policy or not policy
        ask = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "content-md5"}
        for answer in (
            browser.options(part["url"], headers=ask),
            browser.put(part["url"], content=b"x" * 1000),
        ):
            assert answer.status_code == 200, answer.text
            assert answer.headers["access-control-allow-origin"] == page
        done = browser.post(f"/api/v1/videos/{created.json()['video']['id']}/complete", json={"parts": []})
        assert done.status_code == 200, done.text


def announced_hosts(slipway: SlipwayProcess) -> list[str]:
    return re.findall(r"http://(\S+):\d+", slipway.ready_line)


def test_starts_in_a_company_network(slipway: SlipwayProcess, tmp_path: Path) -> None:
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "config").write_text("no file of settings\n[")
    slipway.settings |= {**COMPANY, "HOME": str(tmp_path)}
    slipway.start()

    with slipway.api("ann@example.com") as api:
        slipway.upload(api, "holiday.mp4", "video/mp4", b"x" * 1000)
    for command in (["sweep", "--dry-run"], ["storage", "apply"] if not slipway.stop() else []):
        done = slipway.command(*command)
        assert done.returncode == 0, done.stderr


def test_every_ipv4_address_works(slipway: SlipwayProcess) -> None:
    slipway.settings |= {"SLIPWAY_HOST": "0.0.0.0", **COMPANY}  # noqa: S104  # to test it
    slipway.start()

    assert announced_hosts(slipway) == ["localhost", *lan_addresses(ipv6=False)]
    for host in dict.fromkeys([*announced_hosts(slipway), *IPV4_HOSTS]):
        upload_at(slipway, host)


@needs_ipv6
def test_every_address_of_both_families_works(slipway: SlipwayProcess) -> None:
    slipway.settings |= {"SLIPWAY_HOST": "::", **COMPANY}
    slipway.start()

    assert announced_hosts(slipway) == ["localhost", *map(url_host, lan_addresses(ipv6=True))]
    for host in dict.fromkeys([*announced_hosts(slipway), *IPV4_HOSTS, "[::1]"]):
        upload_at(slipway, host)


@needs_ipv6
@pytest.mark.parametrize("host", ["[::1]", "0:0:0:0:0:0:0:1"])
def test_ipv6_loopback_works(slipway: SlipwayProcess, host: str) -> None:
    slipway.settings |= {"SLIPWAY_HOST": host, **COMPANY}
    slipway.start()

    assert announced_hosts(slipway) == ["[::1]"]
    upload_at(slipway, "[::1]")


@pytest.fixture(scope="module")
def at_ipv4_loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlipwayProcess]:
    settings = {"SLIPWAY_HOST": "127.0.0.1", **COMPANY}
    with SlipwayProcess(tmp_path_factory.mktemp("ipv4") / "data", settings) as running:
        yield running


@pytest.mark.parametrize("page", ["127.0.0.1", "localhost"])
def test_ipv4_loopback_works(at_ipv4_loopback: SlipwayProcess, page: str) -> None:
    upload_at(at_ipv4_loopback, page)


@needs_ipv6
def test_nobody_else_can_listen_at_the_stores_other_address(at_ipv4_loopback: SlipwayProcess) -> None:
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("::1", at_ipv4_loopback.store_port), TIMEOUT_SECONDS)
    with socket.socket(socket.AF_INET6) as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            stranger.bind(("::1", at_ipv4_loopback.store_port))


@needs_ipv6
async def test_store_does_not_start_beside_a_stranger_at_its_other_address(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as stranger:
        store = EmbeddedStoreProcess(tmp_path, "127.0.0.1", stranger.getsockname()[1], [])
        with pytest.raises(StoreNotStarted, match="SLIPWAY_STORE_PORT"):
            await store.start()


@needs_ipv6
def test_finds_a_free_port_for_the_store_at_an_ipv6_address(slipway: SlipwayProcess) -> None:
    slipway.settings |= {"SLIPWAY_HOST": "::1", "SLIPWAY_STORE_PORT": "0"}
    slipway.start()

    ready = f"http://[::1]:{slipway.port}/api/v1/health/ready"
    assert httpx.get(ready, timeout=TIMEOUT_SECONDS, trust_env=False).status_code == 200


def test_address_of_the_store_is_the_one_that_is_set(slipway: SlipwayProcess) -> None:
    slipway.settings |= {
        "SLIPWAY_HOST": "0.0.0.0",  # noqa: S104  # to test it
        "S3_PUBLIC_ENDPOINT_URL": f"HTTP://127.0.0.3:{slipway.store_port}/",
    }
    slipway.start()

    with slipway.api("ann@example.com") as api:
        body = {"filename": "holiday.mp4", "size_bytes": 1000, "content_type": "video/mp4"}
        (part,) = api.post("/videos", json=body).json()["upload"]["parts"]
        assert part["url"].startswith(f"http://127.0.0.3:{slipway.store_port}/")
        origin = {"Origin": "http://192.168.1.5:8000"}
        answer = httpx.put(part["url"], content=b"x" * 1000, headers=origin, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "http://192.168.1.5:8000"


def test_origins_are_announced_as_browsers_write_them(slipway: SlipwayProcess) -> None:
    slipway.settings["APP_ORIGINS"] = f"HTTP://LocalHost:{slipway.port}/"
    slipway.start()

    assert slipway.ready_line == f"Slipway is ready: http://localhost:{slipway.port}\n"
