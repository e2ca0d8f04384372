"""Test how the app serves the exported page and builds its content security policy."""

import base64
import hashlib
import os
from pathlib import Path

import httpx
import pytest

from app.api.middleware import RequestContext
from app.api.page import Page
from app.core.config import Settings
from app.core.opened_host import OPENED_HOST
from tests.api.shapes import API, assert_error
from tests.conftest import SignedIn
from tests.factories import make_settings

INLINE = ["self.__next_f=self.__next_f||[]", 'self.__next_f.push([1,"a<b && c"])', "\n  line\n  breaks äö\n"]
HTML = """<!doctype html><html><head>
<script src="/_next/static/chunks/main-abc.js" async=""></script>
<script>{0}</script><script id="x" type="text/javascript">{1}</script>
</head><body><p>{2}</p><script>{3}</script></body></html>"""
SECRET = "not a part of the page"


def page(title: str, *scripts: str) -> str:
    return HTML.format(*(scripts or INLINE)[:2], title, (scripts or INLINE)[2])


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """Write a small export of `next build` and a secret file beside it."""
    folder = tmp_path / "out"
    files = {
        "index.html": page("home"),
        "login.html": page("login", "1;", "2;", "3;"),
        "video.html": page("video"),
        "nested/index.html": page("nested"),
        "404.html": page("nothing here"),
        "_next/static/chunks/main-abc.js": "console.log(1)",
        "_next/static/media/hash.wasm": "\0asm",
        "_next/static/css/a.css": "body{}",
        "favicon.ico": "icon",
        "robots.txt": "User-agent: *",
        "a b+ü.txt": "odd name",
        ".well-known/security.txt": "Contact: x",
    }
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content, encoding="utf-8")
    (tmp_path / "secret.txt").write_text(SECRET)
    (tmp_path / "secret.html").write_text(SECRET)
    (tmp_path / "out-secret").mkdir()
    (tmp_path / "out-secret" / "a.txt").write_text(SECRET)
    return folder


@pytest.fixture
def settings(database_url: str, tmp_path: Path, export: Path) -> Settings:
    return make_settings(database_url, tmp_path, page_dir=export)


def hash_of(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def policy_of(answer: httpx.Response) -> dict[str, list[str]]:
    directives = [part.split() for part in answer.headers["content-security-policy"].split("; ")]
    assert len({name for name, *_ in directives}) == len(directives), "browsers ignore repeated directives"
    return {name: values for name, *values in directives}


# --- pages --------------------------------------------------------------------------------------------------------


async def test_serves_file_of_path(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for path, title in {
        "/": "home",
        "/login": "login",
        "/login/": "login",
        "/video?id=2cf6a5ea-8b1d-4f32-9b6e-1b8ee8a0e6f0": "video",
        "/nested": "nested",
    }.items():
        with subtests.test(path):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.headers["content-type"] == "text/html; charset=utf-8"
            assert answer.headers["cache-control"] == "no-cache"
            assert f"<p>{title}</p>" in answer.text


async def test_unknown_path_returns_404_page(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for path in (
        "/nothing",
        "/video/7",
        "/Login",
        "/404",
        "/404.html",
        "/login.html",
        "/index",
        "/_next/",
        "/apix",
    ):
        with subtests.test(path):
            answer = await client.get(path, headers={"Accept": "text/html,*/*;q=0.8"})
            assert answer.status_code == 404
            assert "<p>nothing here</p>" in answer.text
            assert policy_of(answer)["default-src"] == ["'none'"]


async def test_unknown_path_returns_json_error_to_programs(
    client: httpx.AsyncClient,
) -> None:
    for path, accept in (
        ("/nothing", "application/json"),
        ("/_next/static/gone.js", "*/*"),
        (f"{API}/x", "text/html"),
    ):
        assert_error(await client.get(path, headers={"Accept": accept}), 404, "not_found")


async def test_allows_get_and_head_only(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE"):
        for path in ("/", "/video", "/favicon.ico", "/nothing"):
            with subtests.test(f"{method} {path}"):
                answer = await client.request(method, path)
                assert_error(answer, 405, "method_not_allowed")
                assert answer.headers["allow"] == "GET, HEAD"


async def test_head_matches_get_without_body(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for path in ("/", "/login", "/favicon.ico", "/_next/static/chunks/main-abc.js", "/nothing"):
        with subtests.test(path):
            get, head = await client.get(path), await client.head(path)
            assert head.status_code == get.status_code
            for name in (
                "content-type",
                "content-length",
                "cache-control",
                "content-security-policy",
                "etag",
            ):
                assert head.headers.get(name) == get.headers.get(name), name


async def test_page_does_not_change_api(client: httpx.AsyncClient, signed_in: SignedIn) -> None:
    alice = await signed_in()
    assert (await alice.get(f"{API}/videos")).status_code == 200
    answer = await alice.put(f"{API}/videos")
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, POST"
    answer = await client.get(f"{API}/auth/login", headers={"Accept": "text/html"})
    assert_error(answer, 405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert (await client.get("/metrics")).status_code == 200


# --- the policy ---------------------------------------------------------------------------------------------------


async def test_policy_lists_hash_of_inline_scripts(client: httpx.AsyncClient) -> None:
    scripts = policy_of(await client.get("/"))["script-src"]
    assert scripts[0] == "'self'"
    assert sorted(scripts[1:]) == sorted(hash_of(script) for script in INLINE)


async def test_policy_lists_only_own_scripts(client: httpx.AsyncClient) -> None:
    scripts = policy_of(await client.get("/login"))["script-src"]
    assert sorted(scripts[1:]) == sorted(hash_of(script) for script in ("1;", "2;", "3;"))


async def test_policy_is_minimal(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for path in ("/", "/login", "/nothing"):
        with subtests.test(path):
            policy = policy_of(await client.get(path, headers={"Accept": "text/html"}))
            del policy["script-src"]
            assert policy == {
                "default-src": ["'none'"],
                "style-src": ["'self'"],
                "img-src": ["'self'", "data:"],
                "font-src": ["'self'"],
                "connect-src": ["'self'", "http://store.test"],
                "media-src": ["'self'", "http://store.test"],
                "worker-src": ["'self'"],
                "manifest-src": ["'self'"],
                "base-uri": ["'none'"],
                "form-action": ["'self'"],
                "frame-ancestors": ["'none'"],
                "object-src": ["'none'"],
            }


@pytest.mark.parametrize(
    ("host", "source"),
    [
        # On this machine the store has another name, because cookies ignore ports.
        ("127.0.0.1:8000", "http://localhost:9000"),
        ("127.0.0.2:8000", "http://localhost:9000"),
        ("[::1]:8000", "http://localhost:9000"),
        ("LocalHost", "http://127.0.0.1:9000"),
        ("nas.example:8080", "http://nas.example:9000"),
        ("192.168.1.5:8000", "http://192.168.1.5:9000"),
        ("[fd00::2]:8000", "http://*:9000"),
        ("a;script-src *", "http://127.0.0.1:9000"),
        ("a b", "http://127.0.0.1:9000"),
        ("[.]:8000", "http://127.0.0.1:9000"),
        ("[1.2.3.4]", "http://127.0.0.1:9000"),
        ("", "http://127.0.0.1:9000"),
    ],
)
async def test_policy_allows_store_at_the_opened_host(export: Path, host: str, source: str) -> None:
    page = RequestContext(Page(export, lambda: [f"http://{OPENED_HOST}:9000"]))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://slipway") as client:
        policy = policy_of(await client.get("/login", headers={"Host": host}))

    assert policy["connect-src"] == policy["media-src"] == ["'self'", source]


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "slipway:8000", "evil.example", "nas.lan"])
async def test_policy_names_the_apps_own_host_behind_a_proxy(export: Path, host: str) -> None:
    page = RequestContext(Page(export, lambda: [f"http://{OPENED_HOST}:9000"]), known_hosts=["nas.lan"])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://slipway") as client:
        policy = policy_of(await client.get("/login", headers={"Host": host}))

    assert policy["connect-src"] == ["'self'", "http://nas.lan:9000"]


async def test_page_and_files_have_safe_headers(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for path in ("/", "/nothing", "/favicon.ico", "/_next/static/chunks/main-abc.js"):
        with subtests.test(path):
            headers = (await client.get(path, headers={"Accept": "text/html"})).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "no-referrer"
            assert headers["cross-origin-opener-policy"] == "same-origin"
            assert headers["x-request-id"]
            assert "frame-ancestors 'none'" in headers["content-security-policy"]


# --- files --------------------------------------------------------------------------------------------------------


async def test_files_have_type_and_cache_lifetime(
    subtests: pytest.Subtests, client: httpx.AsyncClient
) -> None:
    forever = "public, max-age=31536000, immutable"
    for path, media_type, cache in (
        ("/_next/static/chunks/main-abc.js", "text/javascript", forever),
        ("/_next/static/media/hash.wasm", "application/wasm", forever),
        ("/_next/static/css/a.css", "text/css", forever),
        ("/favicon.ico", "image/", "no-cache"),
        ("/robots.txt", "text/plain", "no-cache"),
        ("/a%20b+%C3%BC.txt", "text/plain", "no-cache"),
        ("/.well-known/security.txt", "text/plain", "no-cache"),
    ):
        with subtests.test(path):
            answer = await client.get(path)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith(media_type)
            assert answer.headers["cache-control"] == cache


@pytest.mark.parametrize("wanted", ["bytes=0-1", "bytes=0-1,3-4", "bytes=x", "lines=1-2", "bytes=999999-"])
async def test_ignores_range(client: httpx.AsyncClient, wanted: str) -> None:
    path = "/_next/static/chunks/main-abc.js"
    whole = await client.get(path)
    response = await client.get(path, headers={"Range": wanted})
    assert (response.status_code, response.content) == (200, whole.content)
    assert response.headers["accept-ranges"] == "none"


async def test_allows_wasm_in_workers_only(client: httpx.AsyncClient) -> None:
    script = policy_of(await client.get("/_next/static/chunks/main-abc.js"))
    assert script["default-src"] == ["'none'"]
    assert "'wasm-unsafe-eval'" in script["script-src"]
    assert "wasm" not in (await client.get("/")).headers["content-security-policy"]


async def test_refuses_path_traversal(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for path in (
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/..%2fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/nested/../../secret.txt",
        "/nested/..%2f..%2fsecret.txt",
        "/_next/static/%2e%2e/%2e%2e/%2e%2e/secret.txt",
        "/../out-secret/a.txt",
        "/%2e%2e/out-secret/a.txt",
        "/../secret",
        "/%2e%2e/secret",
        "//secret.txt",
        "/./../secret.txt",
        "/favicon.ico/../../secret.txt",
        "/secret.txt%00.ico",
        "/etc/passwd",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/file:///etc/passwd",
        "/" + "../" * 20 + "etc/passwd",
        "/" + "a" * 5000,
    ):
        with subtests.test(path[:60]):
            # Send the raw path, as curl --path-as-is does. httpx would normalize it.
            url = httpx.URL("http://127.0.0.1:8000").copy_with(raw_path=path.encode())
            answer = await client.get(url)
            assert answer.status_code == 404
            assert SECRET not in answer.text
            assert "root:" not in answer.text


async def test_ignores_symlink_created_after_start(client: httpx.AsyncClient, export: Path) -> None:
    """The app serves only files that exist when it starts."""
    os.symlink(export.parent / "secret.txt", export / "link.txt")
    assert (await client.get("/link.txt", headers={"Accept": "*/*"})).status_code == 404


async def test_has_no_listing_and_no_redirect(subtests: pytest.Subtests, client: httpx.AsyncClient) -> None:
    for path in (
        "/_next",
        "/_next/",
        "/_next/static/",
        "/.well-known/",
        "/.well-known",
        "//evil.example",
        "/login//evil.example",
        "/\\evil.example",
    ):
        with subtests.test(path):
            url = httpx.URL("http://127.0.0.1:8000").copy_with(raw_path=path.encode())
            answer = await client.get(url)
            assert answer.status_code == 404
            assert "location" not in answer.headers
            assert "security.txt" not in answer.text
