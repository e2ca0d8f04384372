"""Log lines and the scheme of requests that came through a proxy."""

import json
from io import StringIO

import httpx
import pytest
from fastapi import FastAPI

from tests.api.shapes import API, with_settings

BEHIND_PROXY = with_settings(trusted_proxies=["10.0.0.5"])


async def logged_client(app: FastAPI, log: StringIO, peer: str, *forwarded: str) -> str:
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    headers = [("X-Forwarded-For", value) for value in forwarded]
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client:
        await client.get(f"{API}/nothing", headers=headers)
    client_address: str = json.loads(log.getvalue().splitlines()[-1])["client"]
    return client_address


@BEHIND_PROXY
async def test_log_names_the_client_of_a_trusted_proxy(app: FastAPI, log: StringIO) -> None:
    assert await logged_client(app, log, "10.0.0.5", "127.0.0.1, 192.0.2.1") == "192.0.2.1"
    assert await logged_client(app, log, "::ffff:10.0.0.5", "127.0.0.1", "192.0.2.1:80") == "192.0.2.1"


@BEHIND_PROXY
async def test_log_names_the_peer_if_it_is_no_trusted_proxy(app: FastAPI, log: StringIO) -> None:
    assert await logged_client(app, log, "198.51.100.7", "192.0.2.1") == "198.51.100.7"
    assert await logged_client(app, log, "10.0.0.5", "garbage") == "10.0.0.5"


@BEHIND_PROXY
@pytest.mark.parametrize(("peer", "accepted"), [("10.0.0.5", True), ("198.51.100.7", False)])
async def test_scheme_of_a_trusted_proxy_counts(app: FastAPI, peer: str, accepted: bool) -> None:
    """Without APP_ORIGINS, an Origin equal to the address that was opened is the page's own."""
    transport = httpx.ASGITransport(app, client=(peer, 4711))
    async with httpx.AsyncClient(transport=transport, base_url="http://machine.local") as client:
        answer = await client.post(
            f"{API}/auth/login",
            json={"email": "nobody@example.com", "password": "none"},
            headers={"Origin": "https://machine.local", "X-Forwarded-Proto": "https"},
        )
    assert answer.status_code == (401 if accepted else 403)
