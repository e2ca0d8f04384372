"""Our CORS rule is merged into those of other applications, and the difference is shown before it is made."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.adapters.s3_bucket import BucketSetup
from app.adapters.s3_cors import CorsUnreadable, difference, merged, our_rule
from tests.adapters.scripted_server import Answer, ScriptedServer, Seen, s3_error
from tests.contract.engines import s3_connection

Rule = Mapping[str, Any]

ORIGINS = ["https://video.example"]
OURS = our_rule(ORIGINS)
OLD_ORIGIN = our_rule(["https://old.example"])
WITHOUT_ID = {name: value for name, value in OLD_ORIGIN.items() if name != "ID"}
IN_OTHER_CASE = {
    **WITHOUT_ID,
    "AllowedMethods": ["GET", "HEAD", "PUT"],
    "AllowedHeaders": ["Content-MD5"],
}
READERS: Rule = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "MaxAgeSeconds": 60}
NAMED: Rule = {"ID": "shop", "AllowedOrigins": ["https://shop.example"], "AllowedMethods": ["PUT", "DELETE"]}
SAME_SHAPE: Rule = {**OLD_ORIGIN, "ID": "another application"}

MERGES: dict[str, tuple[Sequence[Rule], Sequence[Rule]]] = {
    "no rules": ([], [OURS]),
    "others stay in order": ([NAMED, READERS], [OURS, NAMED, READERS]),
    "ours is there": ([OURS, NAMED], [OURS, NAMED]),
    "ours with another origin": ([OLD_ORIGIN, NAMED], [OURS, NAMED]),
    "ours of an earlier version": ([READERS, WITHOUT_ID], [OURS, READERS]),
    "ours as a store writes it": ([IN_OTHER_CASE], [OURS]),
    "ours twice": ([OLD_ORIGIN, NAMED, WITHOUT_ID], [OURS, NAMED]),
    "ours behind a rule for every origin": ([READERS, OURS], [OURS, READERS]),
    "another's in the shape of ours": ([SAME_SHAPE], [OURS, SAME_SHAPE]),
}


@pytest.mark.parametrize("name", MERGES)
def test_merges(name: str) -> None:
    before, after = MERGES[name]

    assert merged(before, ORIGINS) == after
    assert merged(after, ORIGINS) is after


def test_store_that_drops_the_id_needs_no_change() -> None:
    kept = [{**WITHOUT_ID, "AllowedOrigins": ORIGINS}, READERS]

    assert merged(kept, ORIGINS) is kept


@pytest.mark.parametrize(
    "lost",
    [("ID",), ("ID", "MaxAgeSeconds"), ("ID", "ExposeHeaders"), ("ID", "ExposeHeaders", "MaxAgeSeconds")],
)
@pytest.mark.parametrize("given", [{}, {"ID": "rule-1"}])
def test_store_that_changes_our_rule_gets_it_once(lost: Sequence[str], given: Rule) -> None:
    kept = [{**{name: value for name, value in OURS.items() if name not in lost}, **given}, READERS]

    assert merged(kept, ORIGINS) is kept


def test_difference_has_a_sign_for_each_rule() -> None:
    lines = difference([READERS, WITHOUT_ID], merged([READERS, WITHOUT_ID], ORIGINS))

    assert [line[0] for line in lines] == ["+", " ", "-"]
    assert "video.example" in lines[0]
    assert '"*"' in lines[1]
    assert "old.example" in lines[2]


# --- on a store -----------------------------------------------------------------------------------------------------


class CorsServer(ScriptedServer):
    """A bucket with CORS rules, which answers GET with `answer` if a test sets it."""

    rules = b""
    answer: Answer | None = None

    def _pick(self, seen: Seen, _: object) -> Answer:
        if "cors" not in seen.path:
            return Answer(200)
        if seen.method == "PUT":
            found = re.search(rb"<CORSConfiguration.*</CORSConfiguration>", seen.body, re.DOTALL)
            assert found
            self.rules = found[0]
            return Answer(200)
        if self.answer:
            return self.answer
        return Answer(200, self.rules) if self.rules else s3_error(404, "NoSuchCORSConfiguration")


@pytest.fixture
def server() -> Iterator[CorsServer]:
    with CorsServer() as running:
        yield running


@pytest.fixture
def setup(server: CorsServer) -> BucketSetup:
    client = s3_connection(server.url, "key", "secret", attempts=1).client(server.url, 5)
    return BucketSetup(client, "videos", "us-east-1", ORIGINS)


def stored(setup: BucketSetup) -> list[Any]:
    return list(setup.client.get_bucket_cors(Bucket="videos")["CORSRules"])


def test_second_apply_changes_nothing(server: CorsServer, setup: BucketSetup) -> None:
    setup.client.put_bucket_cors(Bucket="videos", CORSConfiguration={"CORSRules": [NAMED, READERS]})  # type: ignore[list-item]  # mappings
    shown: list[str] = []

    setup.set_cors(shown.append, dry_run=False)
    assert stored(setup) == [OURS, NAMED, READERS]
    assert [line[0] for line in shown] == ["+", " ", " "]

    server.seen.clear()
    shown.clear()
    setup.set_cors(shown.append, dry_run=False)
    assert shown == []
    assert [seen.method for seen in server.seen] == ["GET"]


def test_shows_difference_before_it_is_made(server: CorsServer, setup: BucketSetup) -> None:
    def show(line: str) -> None:
        assert line.startswith("+")
        assert not server.rules

    setup.set_cors(show, dry_run=False)

    assert server.rules


def test_dry_run_changes_nothing(server: CorsServer, setup: BucketSetup) -> None:
    shown: list[str] = []

    assert "would change" in setup.set_cors(shown.append, dry_run=True)

    assert len(shown) == 1
    assert not server.rules
    assert "would change" in setup.cors_state()
    setup.set_cors(shown.append, dry_run=False)
    assert setup.cors_state() == "CORS: https://video.example may send parts."


def test_dry_run_shows_the_rule_of_a_missing_bucket(server: CorsServer, setup: BucketSetup) -> None:
    server.answer = s3_error(404, "NoSuchBucket")
    shown: list[str] = []

    assert "would change" in setup.set_cors(shown.append, dry_run=True)

    assert [line[0] for line in shown] == ["+"]


@pytest.mark.parametrize(
    "answer",
    [s3_error(501, "NotImplemented"), s3_error(405, "MethodNotAllowed"), s3_error(400, "NotImplemented")],
)
def test_engine_without_cors_keeps_its_own_configuration(
    server: CorsServer, setup: BucketSetup, answer: Answer
) -> None:
    server.answer = answer

    assert "no such call" in setup.set_cors(pytest.fail, dry_run=False)
    assert "no such call" in setup.cors_state()
    assert not server.rules


def test_rules_that_cannot_be_read_are_not_replaced(server: CorsServer, setup: BucketSetup) -> None:
    server.answer = s3_error(403, "AccessDenied")

    with pytest.raises(CorsUnreadable, match="s3:GetBucketCORS"):
        setup.set_cors(pytest.fail, dry_run=False)
    assert not server.rules
    assert "s3:GetBucketCORS" in setup.cors_state()


@pytest.mark.parametrize(
    "answer", [s3_error(503, "SlowDown"), Answer(404, b"<html>"), s3_error(404, "NoSuchBucket")]
)
def test_rules_of_a_failing_store_are_not_replaced(
    server: CorsServer, setup: BucketSetup, answer: Answer
) -> None:
    """A page of a proxy says nothing about the rules."""
    server.answer = answer

    with pytest.raises(ClientError):
        setup.set_cors(pytest.fail, dry_run=False)
    assert not server.rules
