"""Test in which coding the page's files are served, and what a browser keeps of them."""

import gzip
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.content_coding import IDENTITY, choose_coding
from app.api.page import Page
from app.core.config import Settings
from tests.factories import make_settings

SIZES = {IDENTITY: 100, "br": 20, "zstd": 25, "gzip": 30}
CHROMIUM = "gzip, deflate, br, zstd"
SCRIPT = "/_next/static/chunks/a.js"


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, IDENTITY),
        ("", IDENTITY),
        (CHROMIUM, "br"),
        ("gzip, deflate", "gzip"),
        ("GZIP", "gzip"),
        ("x-gzip", "gzip"),
        ("deflate, zstd", "zstd"),
        ("*", "br"),
        ("*;q=0.1", "br"),
        ("br;q=0, *", "zstd"),
        ("br;q=0.5, gzip;q=0.9", "gzip"),
        ("br;q=0.5,gzip;q=0.500", "br"),
        ("gzip;q=0.001", "gzip"),
        ("br ; q=1.000", "br"),
        ("br\t;\tQ=1", "br"),
        (",, ,br", "br"),
        # No coding, if the client likes that best or accepts nothing else.
        ("identity, br;q=0.5", IDENTITY),
        ("identity, *;q=0.5", IDENTITY),
        ("identity;q=0.5, br;q=0.4", IDENTITY),
        ("identity;q=0.5, br;q=0.5", "br"),
        ("gzip;q=0", IDENTITY),
        ("*;q=0", IDENTITY),
        ("identity;q=0", IDENTITY),
        ("identity;q=0, compress", IDENTITY),
        ("identity;q=0, gzip;q=0.1", "gzip"),
        ("*;q=0, zstd", "zstd"),
        ("deflate, compress", IDENTITY),
        # A refusal counts, also beside an acceptance.
        ("br, br;q=0", IDENTITY),
        ("gzip, x-gzip;q=0", IDENTITY),
        # What cannot be read accepts nothing.
        ("br;q=", IDENTITY),
        ("br;q=2", IDENTITY),
        ("br;q=-1", IDENTITY),
        ("br;q=0.0001", IDENTITY),
        ("br;q=1.001", IDENTITY),
        ("br;q=nan", IDENTITY),
        ("br;q=1e9", IDENTITY),
        ("br;q =1", IDENTITY),
        ("br;level=11", IDENTITY),
        ("br;q=1;q=0", IDENTITY),
        ("br gzip", IDENTITY),
        ("br;", IDENTITY),
        ("brotli, bro", IDENTITY),
        ("br\xa0", IDENTITY),
        ('"br"', IDENTITY),
        ("gzip;q=x, br", "br"),
    ],
)
def test_coding_is_the_smallest_of_the_best_liked(accepted: str | None, coding: str) -> None:
    assert choose_coding(accepted, SIZES) == coding


@given(st.text(alphabet="brgzip*identy;q=01., \t-x", max_size=60))
def test_coding_is_always_one_that_exists(accepted: str) -> None:
    chosen = choose_coding(accepted, SIZES)
    assert chosen in SIZES
    assert chosen == IDENTITY or chosen in accepted.lower() or "*" in accepted


# --- the files ----------------------------------------------------------------------------------------------------


@pytest.fixture
def export(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    html = '<html><head><link href="/icon.svg"/></head><script>1;</script>' + "<p>text</p>" * 50
    for name, content in {
        "index.html": html,
        "404.html": html,
        "_next/static/chunks/a.js": "let a;" * 50,
        "_next/static/chunks/b.js": 'let b="/_next/b";' * 50,
        "robots.txt": "User-agent: *",
        "icon.svg": "<svg/>",
        "photo.gz": "no other file",
    }.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        if len(content) > 100:
            file.with_name(f"{file.name}.br").write_text(f"br of {name}")
            file.with_name(f"{file.name}.zst").write_text(f"a zst of {name}")
            file.with_name(f"{file.name}.gz").write_bytes(gzip.compress(content.encode(), 9, mtime=0))
    (folder / "robots.txt.br").write_text("longer than robots.txt")
    return folder


@pytest.fixture
def settings(request: pytest.FixtureRequest, database_url: str, tmp_path: Path, export: Path) -> Settings:
    return make_settings(database_url, tmp_path, page_dir=export, public_path=getattr(request, "param", ""))


async def raw(client: httpx.AsyncClient, path: str, method: str = "GET", **headers: str) -> httpx.Response:
    """Return the answer with its body as it was sent, which httpx would decode."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with client.stream(method, path, headers={"Accept": "text/html", **named}) as answer:
        answer._content = b"".join([chunk async for chunk in answer.aiter_raw()])
    return answer


@pytest.mark.parametrize(("path", "name"), [("/", "index.html"), ("/none", "404.html"), (SCRIPT, SCRIPT[1:])])
async def test_coded_file_is_sent_as_it_was_built(
    subtests: pytest.Subtests, client: httpx.AsyncClient, export: Path, path: str, name: str
) -> None:
    for accepted, coding, suffix in (
        (CHROMIUM, "br", ".br"),
        ("zstd", "zstd", ".zst"),
        ("gzip", "gzip", ".gz"),
        ("identity", None, ""),
    ):
        with subtests.test(accepted):
            built = (export / (name + suffix)).read_bytes()
            answer = await raw(client, path, Accept_Encoding=accepted)
            head = await raw(client, path, "HEAD", Accept_Encoding=accepted)
            assert answer.content == built
            assert head.content == b""
            assert head.headers.items() - answer.headers.items() <= {
                ("x-request-id", head.headers["x-request-id"])
            }
            assert answer.headers["content-length"] == str(len(built))
            assert answer.headers.get("content-encoding") == coding
            assert answer.headers["vary"] == "Accept-Encoding"
            assert "javascript" in answer.headers["content-type"] or "html" in answer.headers["content-type"]


async def test_file_that_no_coding_makes_smaller_is_sent_as_it_is(client: httpx.AsyncClient) -> None:
    answer = await raw(client, "/robots.txt", Accept_Encoding="br")
    assert answer.content == b"User-agent: *"
    assert not {"vary", "content-encoding"} & answer.headers.keys()


async def test_coded_files_have_no_address_of_their_own(client: httpx.AsyncClient) -> None:
    for path in (f"{SCRIPT}.br", f"{SCRIPT}.zst", f"{SCRIPT}.gz", "/index.html.br", "/robots.txt.br"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get("/photo.gz")).text == "no other file"


async def test_repeated_header_is_one_list(client: httpx.AsyncClient) -> None:
    answer = await client.get(SCRIPT, headers=[("Accept-Encoding", "deflate"), ("Accept-Encoding", "gzip")])
    assert answer.headers["content-encoding"] == "gzip"


@pytest.mark.parametrize("path", ["/", SCRIPT, "/robots.txt"])
async def test_browser_keeps_what_has_not_changed(
    subtests: pytest.Subtests, client: httpx.AsyncClient, path: str
) -> None:
    tags = {}
    for accepted in ("br", "zstd", "gzip", "identity"):
        whole = await raw(client, path, Accept_Encoding=accepted)
        tag = tags[accepted] = whole.headers["etag"]
        for known in (tag, f"W/{tag}", f'"other", {tag}', f'"a,b" , W/{tag}', "*"):
            for method in ("GET", "HEAD"):
                with subtests.test(f"{method} {accepted} {known}"):
                    kept = await raw(client, path, method, Accept_Encoding=accepted, If_None_Match=known)
                    assert (kept.status_code, kept.content) == (304, b"")
                    for name in ("etag", "vary", "cache-control", "content-security-policy"):
                        assert kept.headers.get(name) == whole.headers.get(name)
                    assert not {"content-encoding", "content-type", "content-length"} & kept.headers.keys()
        for unknown in ('"other"', tag.strip('"'), tag[:-2] + '"', "", '"', "W/*", f'"x{tag[1:]}'):
            with subtests.test(f"{accepted} {unknown}"):
                sent = await raw(client, path, Accept_Encoding=accepted, If_None_Match=unknown)
                assert (sent.status_code, sent.content) == (200, whole.content)
    assert len(set(tags.values())) == (1 if path == "/robots.txt" else 4)


async def test_tag_of_one_coding_is_not_anothers(client: httpx.AsyncClient) -> None:
    tag = (await raw(client, "/", Accept_Encoding="br")).headers["etag"]
    assert (await raw(client, "/", Accept_Encoding="gzip", If_None_Match=tag)).status_code == 200


async def test_missing_page_is_never_304(client: httpx.AsyncClient) -> None:
    tag = (await raw(client, "/none")).headers["etag"]
    for known in (tag, "*"):
        assert (await raw(client, "/none", If_None_Match=known)).status_code == 404


async def test_policy_is_the_same_in_each_coding(client: httpx.AsyncClient) -> None:
    answers = [await raw(client, "/", Accept_Encoding=name) for name in ("br", "zstd", "gzip", "identity")]
    policies = {answer.headers["content-security-policy"] for answer in answers}
    assert len(policies) == 1
    assert "'sha256-" in policies.pop()


@pytest.mark.parametrize("settings", ["/video"], indirect=True)
async def test_file_that_the_public_path_changes_is_coded_at_the_start(client: httpx.AsyncClient) -> None:
    for path, text in (("/", b'href="/video/icon.svg"'), ("/_next/static/chunks/b.js", b'"/video/_next/b"')):
        answer = await raw(client, f"/video{path}", Accept_Encoding=CHROMIUM)
        assert answer.headers["content-encoding"] == "gzip"
        assert text in gzip.decompress(answer.content)
    unchanged = await raw(client, f"/video{SCRIPT}", Accept_Encoding=CHROMIUM)
    assert unchanged.content == b"br of _next/static/chunks/a.js"


async def test_new_policy_has_a_new_tag(export: Path) -> None:
    """A browser keeps its old policy on 304, so an upload to a new store would be blocked."""
    stores = ["https://old.example"]
    page = Page(export, lambda: stores)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(page), base_url="http://slipway") as client:
        tag = (await raw(client, "/")).headers["etag"]
        stores[:] = ["https://new.example"]
        assert (await raw(client, "/", If_None_Match=tag)).status_code == 200
