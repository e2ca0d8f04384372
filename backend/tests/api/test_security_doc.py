"""The lists and numbers of docs/reference/security.md match the code."""

import re
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from zxcvbn.frequency_lists import FREQUENCY_LISTS

from app.api.middleware import MAX_BODY_BYTES
from app.api.page import Page
from app.bootstrap import Application
from app.core import security
from app.core.config import MAX_PRESIGN_TTL_SECONDS, Settings
from app.core.descriptors import most_connections
from app.core.turns import SECONDS_BETWEEN_REFUSALS
from app.domain.video_file import MAX_FILENAME_CHARACTERS
from app.http_protocol import MAX_HEAD_BYTES, MAX_HEADERS, SECONDS, Phase
from tests.api.declared import operations
from tests.api.shapes import API, assert_error, random_path
from tests.api.test_headers import SAFE
from tests.conftest import MakeVideo, SignedIn
from tests.factories import PASSWORD, insert_session

PHASES = {
    Phase.HEAD: "time for the headers",
    Phase.BODY: "time for the body",
    Phase.READER: "time until a client takes more of an answer",
    Phase.IDLE: "time without a request",
}
DOC = Path(__file__).parents[3] / "docs" / "reference" / "security.md"


@pytest.fixture(scope="module")
def doc() -> str:
    return DOC.read_text(encoding="utf-8")


def listed(doc: str) -> list[tuple[str, str, str, str]]:
    """Return (method, path, status without session, status for another user). "yes" stands for success."""
    kinds = {"Anyone": ("yes", "-"), "Signed-in users": ("401", "-"), "Owners": ("401", "404")}
    return [
        (method, path, *kinds[kind])
        for kind, calls in re.findall(r"^- \*\*([^*]+)\*\* may call (.+)$", doc, re.MULTILINE)
        for method, path in re.findall(r"`([A-Z]+) (/\S+)`", calls)
    ]


def test_lists_every_operation_once(doc: str) -> None:
    calls = [(method, path) for method, path, *_ in listed(doc)]
    assert len(calls) == len(set(calls))
    assert set(calls) == {(method, path.removeprefix(API)) for method, path, _ in operations()}


async def test_calls_return_listed_status(
    subtests: pytest.Subtests,
    doc: str,
    application: Application,
    client: httpx.AsyncClient,
    signed_in: SignedIn,
    make_video: MakeVideo,
) -> None:
    bodies = {
        "/auth/me": {"full_name": "Alice"},
        "/auth/me/delete": {"password": PASSWORD},
        "/auth/password": {"current_password": "not this one", "new_password": "another quiet harbour"},
        "/auth/sessions/{session_id}/end": {"password": PASSWORD},
        "/auth/sessions/end-others": {"password": PASSWORD},
        "/videos": {"filename": "a.mp4", "size_bytes": 1, "content_type": "video/mp4"},
        "/videos/{video_id}/parts": {"part_numbers": [1]},
        "/videos/{video_id}/complete": {"parts": []},
    }
    owner = await signed_in()
    video = await make_video("uploading", owner=owner.user)
    await insert_session(application, owner.user, "cookie")
    session_id = (await owner.get(f"{API}/auth/sessions")).json()["items"][0]["id"]
    for method, path, nobody, on_others in listed(doc):
        body = bodies.get(path) if method in ("POST", "PATCH") else None
        with subtests.test(f"{method} {path}: nobody"):
            answer = await client.request(method, random_path(API + path), json=body)
            if nobody == "401":
                assert_error(answer, 401, "not_authenticated")
            else:
                assert nobody == "yes"
                assert answer.status_code in (200, 201, 422)
        with subtests.test(f"{method} {path}: signed in"):
            alice = await signed_in()
            answer = await alice.request(method, random_path(API + path), json=body)
            assert answer.status_code in (200, 201, 204, 401, 404, 422)
            if answer.status_code == 401:
                assert_error(answer, 401, "invalid_credentials")
        with subtests.test(f"{method} {path}: another user's"):
            assert (on_others == "-") == ("{" not in path)
            if on_others != "-":
                theirs = path.replace("{video_id}", str(video.id)).replace("{session_id}", session_id)
                mallory = await signed_in()
                answer = await mallory.request(method, API + theirs, json=body)
                assert answer.status_code == int(on_others)


def test_numbers_match_code(doc: str) -> None:
    assert (
        f"- {security.MIN_PASSWORD_CHARACTERS} to {security.MAX_PASSWORD_CHARACTERS} characters of any kind"
        in doc
    )
    assert f"the {len(FREQUENCY_LISTS['passwords']):,} most common ones" in doc
    assert f"up to {MAX_FILENAME_CHARACTERS} characters, NFC" in doc
    assert f"in {['no', 'one', 'two', 'three', 'four'][security._HASHING_THREADS]} threads" in doc
    most = security.HASHES_OF_ONE
    assert (
        f"at most {most} places in it for its known places and {most} for strangers, and one address has {most}"
        in doc
    )


def test_policy_matches_code(doc: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<script>1</script>")
    policy = Page(tmp_path, lambda: ["STORE"])._policy("/")
    shown = re.sub(r"'sha256-[^']+'", "HASHES", policy).split("; ")
    block = re.search(r"```\n(default-src.*?)\n```", doc, re.DOTALL)
    assert block is not None
    assert block[1].splitlines() == shown


def test_headers_match_tests(doc: str) -> None:
    documented = {name.lower(): value for name, value in re.findall(r"`([A-Z][A-Za-z-]+): ([^`]+)`", doc)}
    assert SAFE.items() <= documented.items()


def test_limits_of_connections_match_code(doc: str) -> None:
    rows = dict(re.findall(r"^\| ([a-z ]+) \| ([^|]+) \|", doc.partition("## Connections")[2], re.MULTILINE))
    assert rows["headers"] == f"{MAX_HEADERS}, and {MAX_HEAD_BYTES // 1024} KiB in all"
    refusals = "refusals of malformed requests of all clients"
    assert rows[refusals] == f"{1 / SECONDS_BETWEEN_REFUSALS:g} a second"
    assert rows["body"].startswith(f"{MAX_BODY_BYTES // 1024} KiB")
    assert rows["connections in all"].startswith(f"{most_connections(10**6):,},")
    assert {phase: rows[name] for phase, name in PHASES.items()} == {
        phase: f"{seconds:g} s" for phase, seconds in SECONDS.items()
    }


def test_settings_page_states_session_lifetimes() -> None:
    page = DOC.with_name("configuration.md").read_text(encoding="utf-8")
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    idle = timedelta(seconds=defaults["session_idle_seconds"]).days
    absolute = timedelta(seconds=defaults["session_absolute_seconds"]).days
    assert f"unused for this long ({idle} days)" in page
    assert f"so long after sign-in ({absolute} days)" in page


def test_states_lifetime_of_delivery_urls(doc: str) -> None:
    seconds = Settings.model_fields["delivery_url_ttl_seconds"].default
    assert f"`DELIVERY_URL_TTL_SECONDS` ({timedelta(seconds=seconds) // timedelta(hours=1)} hours)" in doc


def test_contract_states_url_lifetime() -> None:
    contract = DOC.with_name("contract.md").read_text(encoding="utf-8")
    assert f"for at most {MAX_PRESIGN_TTL_SECONDS // 60} minutes" in contract
