"""Page, API, cookie and metrics below PUBLIC_PATH, behind proxies that remove it from the path and that leave it."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from app.core.config import Settings
from tests.api.shapes import API, assert_error
from tests.api.test_page import hash_of, policy_of
from tests.conftest import SignedIn
from tests.factories import PASSWORD, make_settings

INLINE = r'self.__next_f.push([1,":HL[\"/_next/static/chunks/a.css\",\"style\"]\n\"href\":\"/icon.svg?x\""])'
HTML = (
    '<!DOCTYPE html><html lang="en"><head><link rel="icon" href="/icon.svg?x"/>'
    '<script src="/_next/static/chunks/a.js"></script></head><body><p>{title}</p><a href="/">home</a>'
    '<a href="/login?next=%2F">in</a><a href="//other.example/">out</a><a href="#top">top</a>'
    "<script>" + INLINE + "</script></body></html>"
)
FILES = {
    **{f"{name}.html": HTML.replace("{title}", name) for name in ("index", "login", "video", "404")},
    "index.txt": '1:"/_next/static/chunks/a.js"\n2:{"href":"/icon.svg?x"}\n3:{"href":"/"}',
    "video.txt": "payload of video",
    "__next._tree.txt": "tree of index",
    "__next.__PAGE__.txt": "page of index",
    "video/__next._tree.txt": "tree of video",
    "video/__next.video.__PAGE__.txt": "page of video",
    "login/__next._tree.txt": "tree of login",
    "_next/static/chunks/a.js": 'const base="/_next/",worker=q("/_next/static/media/hasher.js"),c="a/_next/b"',
    "_next/static/chunks/a.css": "@font-face{src:url(/_next/static/media/f.woff2),url(../media/f.woff2)}",
    "_next/static/media/f.woff2": "font",
    "icon.svg": "<svg/>",
}
PASSES, STRIPS = "the proxy leaves it", "the proxy removes it"
ACCOUNT = {"email": "user@example.com", "password": PASSWORD}


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    for name, content in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


@pytest.fixture(params=["/video"])
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path, export: Path) -> Settings:
    values = request.param if isinstance(request.param, dict) else {"public_path": request.param}
    return make_settings(database_url, tmp_path, page_dir=export, **values)


@pytest.fixture(params=[PASSES, STRIPS])
def proxied(request: pytest.FixtureRequest, settings: Settings) -> Any:
    """Return the function from a path that a browser opens to the path that the app gets."""

    def path_at_app(opened: str) -> str:
        assert opened.startswith(settings.public_path)
        return opened if request.param == PASSES else opened.removeprefix(settings.public_path)

    return path_at_app


everywhere = pytest.mark.parametrize("settings", ["/video", "/apps/video", "/v"], indirect=True)
HTML_ONLY = {"Accept": "text/html"}


@everywhere
async def test_html_names_the_public_path(
    client: httpx.AsyncClient, settings: Settings, proxied: Any
) -> None:
    path = settings.public_path
    for opened, title in (("/", "index"), ("/login", "login"), ("/video?id=7", "video"), ("/none", "404")):
        answer = await client.get(proxied(path + opened), headers=HTML_ONLY)
        assert answer.status_code == (404 if title == "404" else 200)
        for text in (
            f'<html data-public-path="{path}" lang="en">',
            f"<p>{title}</p>",
            f'href="{path}/icon.svg?x"',
            f'src="{path}/_next/static/chunks/a.js"',
            f'href="{path}/"',
            f'href="{path}/login?next=%2F"',
            'href="//other.example/"',
            'href="#top"',
            rf"HL[\"{path}/_next/static/chunks/a.css\"",
            rf"\"href\":\"{path}/icon.svg?x\"",
        ):
            assert text in answer.text
        script = answer.text.rpartition("<script>")[2].partition("</script>")[0]
        assert hash_of(script) in policy_of(answer)["script-src"]


@everywhere
async def test_files_name_the_public_path(
    client: httpx.AsyncClient, settings: Settings, proxied: Any
) -> None:
    path = settings.public_path
    for opened, media_type, content in (
        (
            "/index.txt",
            "text/plain",
            f'1:"{path}/_next/static/chunks/a.js"\n2:{{"href":"{path}/icon.svg?x"}}\n3:{{"href":"/"}}',
        ),
        (
            "/_next/static/chunks/a.js",
            "text/javascript",
            f'const base="{path}/_next/",worker=q("{path}/_next/static/media/hasher.js"),c="a/_next/b"',
        ),
        (
            "/_next/static/chunks/a.css",
            "text/css",
            f"@font-face{{src:url({path}/_next/static/media/f.woff2),url(../media/f.woff2)}}",
        ),
        ("/_next/static/media/f.woff2", "font/woff2", "font"),
        ("/icon.svg", "image/svg+xml", "<svg/>"),
    ):
        answer = await client.get(proxied(path + opened))
        assert (answer.status_code, answer.text) == (200, content)
        assert answer.headers["content-type"].startswith(media_type)
        assert "immutable" in answer.headers["cache-control"] or "_next/static" not in opened
        assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("settings", "opened", "expected"),
    [
        (
            "/video",
            "/video/index.txt",
            FILES["index.txt"].replace('"/_', '"/video/_').replace('"/i', '"/video/i'),
        ),
        ("/video", "/video/video.txt", "payload of video"),
        ("/video", "/video/__next.__PAGE__.txt", "page of index"),
        ("/video", "/video/video/__next.video.__PAGE__.txt", "page of video"),
        ("/video", "/video/login/__next._tree.txt", "tree of login"),
        ("/v", "/v/__next._tree.txt", "tree of index"),
        ("/v", "/v/video/__next._tree.txt", "tree of video"),
    ],
    indirect=["settings"],
)
async def test_payload_is_of_the_page_that_was_asked_for(
    client: httpx.AsyncClient, proxied: Any, opened: str, expected: str
) -> None:
    assert (await client.get(proxied(opened))).text == expected


async def test_no_payload_where_two_pages_could_be_meant(client: httpx.AsyncClient) -> None:
    """A wrong payload would show another page. Next's router gets along without this one."""
    assert_error(await client.get("/video/__next._tree.txt"), 404, "not_found")


@everywhere
async def test_public_path_without_slash_is_redirected(client: httpx.AsyncClient, settings: Settings) -> None:
    answer = await client.get(settings.public_path)

    assert answer.status_code == 307
    assert answer.headers["location"] == f"{settings.public_path}/"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("settings", ["/apps/video"], indirect=True)
async def test_redirect_keeps_the_query(client: httpx.AsyncClient) -> None:
    answer = await client.get("/apps/video?a=b%20c")

    assert answer.headers["location"] == "/apps/video/?a=b%20c"


@everywhere
@pytest.mark.usefixtures("user")
async def test_cookie_belongs_to_the_public_path(
    client: httpx.AsyncClient, settings: Settings, proxied: Any
) -> None:
    answer = await client.post(proxied(f"{settings.public_path}{API}/auth/login"), json=ACCOUNT)

    assert answer.status_code == 200
    name, *attributes = answer.headers["set-cookie"].split("; ")
    assert name.startswith("slipway_session=")
    assert f"Path={settings.public_path}" in attributes


@pytest.mark.parametrize(
    ("settings", "name", "path"),
    [
        (
            {"public_path": "/video", "app_origins": "https://video.example"},
            "__Secure-slipway_session",
            "/video",
        ),
        ({"public_path": "/", "app_origins": "https://video.example"}, "__Host-slipway_session", "/"),
        ({"public_path": "", "app_origins": "http://video.example"}, "slipway_session", "/"),
    ],
    indirect=["settings"],
)
@pytest.mark.usefixtures("user")
async def test_cookie_name_fits_its_path(
    client: httpx.AsyncClient, settings: Settings, name: str, path: str
) -> None:
    headers = {"Origin": settings.page_origins[0]}
    answer = await client.post(f"{API}/auth/login", json=ACCOUNT, headers=headers)

    assert answer.headers["set-cookie"].startswith(f"{name}=")
    assert f"; Path={path};" in answer.headers["set-cookie"]
    cookie = {"Cookie": answer.headers["set-cookie"].partition(";")[0]}
    ended = await client.post(f"{API}/auth/logout", headers={**headers, **cookie})
    assert ended.status_code == 204
    assert f"; Path={path};" in ended.headers["set-cookie"]


@everywhere
async def test_api_answers_below_the_public_path(
    client: httpx.AsyncClient, settings: Settings, proxied: Any, signed_in: SignedIn
) -> None:
    path = settings.public_path
    alice = await signed_in()
    assert (await alice.get(proxied(f"{path}{API}/auth/me"))).status_code == 200
    assert (await client.get(proxied(f"{path}{API}/health/live"))).json()["status"] == "ok"
    assert "slipway_" in (await client.get(proxied(f"{path}/metrics"))).text
    missing = await client.get(proxied(f"{path}{API}/none"))
    assert_error(missing, 404, "not_found")
    assert missing.headers["cache-control"] == "no-store"


@everywhere
async def test_paths_beside_the_public_path_are_not_rewritten(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    answer = await client.get(f"{settings.public_path}s/login", headers=HTML_ONLY)

    assert answer.status_code == 404


@pytest.mark.parametrize("settings", ["", "/", " / "], indirect=True)
async def test_root_is_served_as_it_was_exported(client: httpx.AsyncClient, settings: Settings) -> None:
    assert settings.public_path == ""
    for opened, name in (("/", "index.html"), ("/video?id=7", "video.html"), ("/index.txt", "index.txt")):
        assert (await client.get(opened)).text == FILES[name]
    for name in FILES:
        if not name.endswith(".html"):
            assert (await client.get(f"/{name}")).text == FILES[name]
