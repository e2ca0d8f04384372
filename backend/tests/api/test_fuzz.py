"""Test random requests for 5xx responses, undocumented shapes and accepted invalid input.

The rules of valid input are a deliberate copy. `make campaign` may raise the number of examples.
"""

import functools
import json
import os
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.bootstrap import Application
from tests.api.shapes import API, MP4, with_settings
from tests.conftest import MakeVideo, SignedIn
from tests.crash.report import write_line
from tests.factories import PASSWORD, read_video

EXAMPLES = int(os.environ.get("SLIPWAY_FUZZ_EXAMPLES", "40"))
ran: Counter[str] = Counter()


def few(test: Any) -> Any:
    """Run the test with EXAMPLES examples and count them."""
    inner = test.hypothesis.inner_test  # Hypothesis ships no type for this hook

    @functools.wraps(inner)
    async def counted(*arguments: Any, **named: Any) -> None:
        ran[test.__name__] += 1
        await inner(*arguments, **named)

    test.hypothesis.inner_test = counted
    return settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        # One app serves all examples of a test. Each example may find rows of the previous ones.
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )(test)


@pytest.fixture(autouse=True)
def _counted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Report the number of examples to the campaign. Its runner counts failures."""
    yield
    name = request.node.originalname
    write_line({"suite": f"fuzz: {name}", "runs": ran[name], "violations": 0, "seed": None})


roomy = with_settings(user_max_uploads_in_flight=100_000, user_quota_bytes=2**60)

any_text = st.text(st.characters(exclude_categories=()), max_size=40)  # lone surrogates and NUL too
numbers = st.one_of(
    st.integers(-5, 200),
    st.integers(-(2**70), 2**70),
    st.sampled_from([2**31, 2**31 - 1, 2**63, 2**63 - 1, 2**64, 10**400, 2 * 1024**3, 2 * 1024**3 + 1]),
    st.floats(allow_nan=True, allow_infinity=True),
)
any_json = st.recursive(
    st.one_of(st.none(), st.booleans(), numbers, any_text),
    lambda inner: st.one_of(st.lists(inner, max_size=5), st.dictionaries(any_text, inner, max_size=5)),
    max_leaves=12,
)


@st.composite
def nearly(draw: st.DrawFn, good: dict[str, Any]) -> Any:
    """Draw a valid body, a slightly changed one or an unrelated value."""
    accident = draw(
        st.sampled_from(["none", "replace", "replace", "replace", "drop", "add", "wrap", "other"])
    )
    name = draw(st.sampled_from(sorted(good)))
    match accident:
        case "replace":
            return {**good, name: draw(any_json)}
        case "drop":
            return {key: value for key, value in good.items() if key != name}
        case "add":
            return {**good, draw(any_text): draw(any_json)}
        case "wrap":
            return draw(st.sampled_from([[good], {"body": good}, json.dumps(good), {name: good}]))
        case "other":
            return draw(any_json)
    return good


def is_text(value: object, shortest: int, longest: int) -> bool:
    return (
        isinstance(value, str)
        and shortest <= len(value) <= longest
        and value.encode("utf-8", "replace").decode() == value
    )


def is_int(value: object, least: int, most: int) -> bool:
    return type(value) is int and least <= value <= most


def has(body: object, *names: str) -> bool:
    return isinstance(body, dict) and set(body) == set(names)


def is_a_file(body: Any) -> bool:
    return (
        has(body, "filename", "size_bytes", "content_type")
        and is_text(body["filename"], 1, 300)
        and body["filename"].strip().lower().endswith(".mp4")
        and is_int(body["size_bytes"], 1, 2 * 1024**3)
        and str(body["content_type"]).strip().lower() in ("video/mp4", "video/x-m4v")
    )


def is_an_account(body: Any) -> bool:
    return (
        isinstance(body, dict)
        and {"email", "password"} <= set(body) <= {"email", "password", "full_name"}
        and is_text(body["email"], 3, 254)
        and "@" in body["email"]
        and is_text(body["password"], 8, 128)
        and (body.get("full_name") is None or is_text(body["full_name"], 1, 10_000))
    )


async def check(
    client: httpx.AsyncClient, method: str, path: str, body: Any, valid: Callable[[Any], bool]
) -> httpx.Response:
    content = json.dumps(body).encode()
    answer = await client.request(method, path, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code < 500, answer.text
    if answer.status_code < 300:
        assert valid(body), f"accepted: {content!r}"
    else:
        found = answer.json()
        assert {"code", "detail", "request_id"} <= set(found)
        assert found["request_id"] == answer.headers["x-request-id"]
    return answer


@few
@given(body=nearly(dict(MP4)))
@roomy
async def test_create(signed_in: SignedIn, body: Any) -> None:
    await check(await signed_in(), "POST", f"{API}/videos", body, is_a_file)


@few
@given(body=nearly({"email": "new@example.com", "password": PASSWORD, "full_name": "Alice"}))
async def test_register(client: httpx.AsyncClient, body: Any) -> None:
    if isinstance(body, dict) and body.get("email") == "new@example.com":
        body = {**body, "email": f"{uuid.uuid4().hex}@example.com"}
    await check(client, "POST", f"{API}/auth/register", body, is_an_account)


@few
@given(body=nearly({"email": "user@example.com", "password": PASSWORD}))
@pytest.mark.usefixtures("user")
async def test_login(client: httpx.AsyncClient, body: Any) -> None:
    client.cookies.clear()
    good = {"email": "user@example.com", "password": PASSWORD}
    await check(client, "POST", f"{API}/auth/login", body, lambda sent: bool(sent == good))


@few
@given(
    form=st.dictionaries(
        st.sampled_from(["username", "password", "grant_type", "scope", "client_id"]), any_text
    )
)
@pytest.mark.usefixtures("user")
async def test_token(client: httpx.AsyncClient, form: dict[str, str]) -> None:
    content = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in form.items())
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.post(f"{API}/auth/token", content=content.encode(), headers=headers)
    assert answer.status_code in (400, 401, 422), answer.text


@few
@given(body=nearly({"full_name": "Alice"}))
async def test_rename(signed_in: SignedIn, body: Any) -> None:
    def is_a_name(sent: Any) -> bool:
        return has(sent, "full_name") and (sent["full_name"] is None or is_text(sent["full_name"], 1, 10_000))

    await check(await signed_in(), "PATCH", f"{API}/auth/me", body, is_a_name)


@few
@given(body=nearly({"current_password": "not the one", "new_password": "another quiet harbour"}))
async def test_change_password(signed_in: SignedIn, body: Any) -> None:
    await check(await signed_in(), "POST", f"{API}/auth/password", body, lambda _: False)


@few
@given(body=nearly({"password": "not the one"}))
async def test_delete_account(signed_in: SignedIn, body: Any) -> None:
    await check(await signed_in(), "POST", f"{API}/auth/me/delete", body, lambda _: False)


@few
@given(body=nearly({"password": "not the one"}))
async def test_end_other_sessions(signed_in: SignedIn, body: Any) -> None:
    await check(await signed_in(), "POST", f"{API}/auth/sessions/end-others", body, lambda _: False)


@few
@given(body=nearly({"part_numbers": [1, 2, 3]}))
@roomy
async def test_sign(signed_in: SignedIn, make_video: MakeVideo, body: Any) -> None:
    def is_in_the_plan(sent: Any) -> bool:
        numbers = sent["part_numbers"] if has(sent, "part_numbers") else None
        return (
            isinstance(numbers, list)
            and 1 <= len(numbers) <= 32
            and all(is_int(number, 1, 6) for number in numbers)
            and len(set(numbers)) == len(numbers)
        )

    alice = await signed_in()
    video = await make_video(owner=alice.user, size_bytes=6 * 5 * 1024**2, part_size_bytes=5 * 1024**2)
    await check(alice, "POST", f"{API}/videos/{video.id}/parts", body, is_in_the_plan)


@few
@given(body=nearly({"parts": [{"part_number": 1, "md5": "0" * 32}]}))
@roomy
async def test_complete_before_anything_was_sent(
    application: Application, signed_in: SignedIn, make_video: MakeVideo, body: Any
) -> None:
    alice = await signed_in()
    video = await make_video(owner=alice.user)
    await check(alice, "POST", f"{API}/videos/{video.id}/complete", body, lambda _: False)
    assert (await read_video(application, video.id)).status == "uploading"


@few
@given(query=st.dictionaries(st.sampled_from(["limit", "cursor", "status", "page", "user_id"]), any_text))
async def test_list(signed_in: SignedIn, query: dict[str, str]) -> None:
    raw = "&".join(f"{name}={quote(value, errors='surrogatepass')}" for name, value in query.items())
    answer = await (await signed_in()).get(f"{API}/videos?{raw}")
    assert answer.status_code in (200, 422), answer.text


@few
@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
    tail=st.lists(
        st.one_of(
            any_text, st.sampled_from(["videos", "parts", "complete", "auth", "me", str(uuid.UUID(int=7))])
        ),
        max_size=4,
    ),
)
async def test_any_path(signed_in: SignedIn, method: str, tail: list[str]) -> None:
    path = "/".join(quote(part, safe="", errors="surrogatepass") for part in tail)
    answer = await (await signed_in()).request(method, f"{API}/{path}")
    assert answer.status_code in (200, 404, 405, 422), answer.text
    assert answer.headers["x-request-id"]


@few
@given(
    name=st.sampled_from(
        [
            "Authorization",
            "Cookie",
            "Origin",
            "Idempotency-Key",
            "X-Request-Id",
            "Content-Type",
            "User-Agent",
            "Sec-Fetch-Site",
        ]
    ),
    value=st.binary(max_size=200).map(
        lambda raw: raw.replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b"")
    ),
)
@roomy
async def test_any_header(signed_in: SignedIn, name: str, value: bytes) -> None:
    alice = await signed_in()
    sent = [(key, given) for key, given in alice.headers.raw if key.lower() != name.lower().encode()]
    answer = await alice.post(f"{API}/videos", json=MP4, headers=[*sent, (name.encode(), value)])
    assert answer.status_code in (200, 201, 400, 401, 403, 422), answer.text
