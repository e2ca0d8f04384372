"""A video is uploaded and watched through the proxies of deploy/, and no log of theirs has a signature."""

import ssl
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, expect

from tests.browser.conftest import TIMEOUT_MILLISECONDS, choose, wait_until_ready
from tests.engines.recipes import Caddy, Nginx, Recipe
from tests.engines.slipway import BUCKET, SlipwayProcess
from tests.media import make_video
from tests.waiting import TIMEOUT_SECONDS, wait_until

PASSWORD = "quiet harbour"


@pytest.mark.parametrize("kind", [Nginx, Caddy])
def test_uploads_and_watches_over_tls(browser: Browser, kind: type[Recipe], tmp_path: Path) -> None:
    film = make_video(tmp_path / "holiday.mp4", container="mp4", seconds=1, width=320, height=240, fps=10)
    slipway = SlipwayProcess(tmp_path / "data")
    (tmp_path / "proxy").mkdir()
    with kind(tmp_path / "proxy", slipway.port, slipway.store_port) as proxy:
        slipway.settings |= {
            "APP_ORIGINS": proxy.origin,
            "S3_PUBLIC_ENDPOINT_URL": proxy.store_origin,
            "TRUSTED_PROXIES": "127.0.0.1",
        }
        with slipway:
            trusting = ssl.create_default_context(cafile=str(proxy.folder / "ca.pem"))
            with httpx.Client(verify=trusting, timeout=TIMEOUT_SECONDS) as client:
                assert client.get(f"{proxy.origin}/api/v1/health/ready").json()["status"] == "ok"
                refused = client.put(f"{proxy.store_origin}/{BUCKET}/x?X-Amz-Signature=stolen", content=b"x")
                assert refused.status_code in (400, 403)
            secrets = upload_and_watch(browser, proxy, film)
        with httpx.Client(verify=trusting, timeout=TIMEOUT_SECONDS) as client:
            gone = client.get(f"{proxy.store_origin}/{BUCKET}/x?X-Amz-Signature=stolen")
            assert gone.status_code == 502
        wait_until(lambda: " 502" in proxy.logs() or '"status":502' in proxy.logs(), "the proxy logs the 502")

    logs = proxy.logs()
    assert f"/{BUCKET}/videos/" in logs
    assert secrets
    assert [secret for secret in ("X-Amz-Signature", "stolen", PASSWORD, *secrets) if secret in logs] == []


def upload_and_watch(browser: Browser, proxy: Recipe, film: Path) -> list[str]:
    """Return the secrets that the browser has."""
    # Chromium knows no test CA. httpx has checked the certificate.
    context = browser.new_context(locale="en-GB", base_url=proxy.origin, ignore_https_errors=True)
    context.set_default_timeout(TIMEOUT_MILLISECONDS)
    page = context.new_page()
    page.goto("/register")
    page.get_by_label("E-mail").fill("viewer@example.com")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_role("heading", name="Your videos", exact=True)).to_be_visible()
    choose(page, film)
    wait_until_ready(page)
    page.get_by_role("link", name="Watch").click()
    expect(page.locator("video")).to_have_js_property("videoWidth", 320)
    secrets = [cookie.get("value", "") for cookie in context.cookies()]
    context.close()
    return secrets
