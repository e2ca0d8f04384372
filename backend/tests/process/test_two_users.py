"""Two users call the API in random order, with the IDs that earlier answers gave to either of them.

Schemathesis makes the requests from openapi.json and follows IDs from answer to request. It checks each answer against
the schema. This file checks that no answer gives or changes anything of the other user. SLIPWAY_STATEFUL_CASES sets
how many requests, SLIPWAY_SEED repeats them.
"""

import itertools
import json
import os
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import FlakyStrategyDefinition
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
    use_after_free,
)

from tests.crash.report import SEED, reported
from tests.engines.slipway import BRIEF, SlipwayProcess
from tests.factories import PASSWORD
from tests.waiting import TIMEOUT_SECONDS

CASES: Final = int(os.environ.get("SLIPWAY_STATEFUL_CASES") or (5000 if os.environ.get("CI") else 1000))
RUN: Final = settings(
    max_examples=10,
    stateful_step_count=50,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
Case = schemathesis.Case[Any]
SETTINGS: Final = {
    "USER_MAX_UPLOADS_IN_FLIGHT": "1000000",
    "USER_QUOTA_BYTES": str(2**60),
    "PAGE_DIR": "/nonexistent",
}
API: Final = "/api/v1"
OPENAPI: Final = Path(__file__).parents[3] / "openapi.json"
CREATE, SIGN, COMPLETE = (
    f"POST {API}/videos{tail}" for tail in ("", "/{video_id}/parts", "/{video_id}/complete")
)
REFUSED: Final = (400, 401, 404, 413, 422, 431)
"""404, or an answer that the API gives before it looks up the video."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    use_after_free,
]
MUST_HAPPEN: Final = [
    (CREATE, 201),
    (SIGN, 200),
    (COMPLETE, 200),
    (f"GET {API}/videos", 200),
    (f"GET {API}/videos/{{video_id}}", 200),
    (f"DELETE {API}/videos/{{video_id}}", 204),
]
"""Without these the run has tried nothing. Schemathesis alone would send a body that fits nothing."""


@dataclass
class Person:
    """A user with a session, and the IDs that belong to them."""

    client: httpx.Client
    email: str
    ids: set[str] = field(default_factory=set)
    token: str = ""

    def sign_in(self) -> None:
        form = {"username": self.email, "password": PASSWORD}
        answer = self.client.post(f"{API}/auth/token", data=form).raise_for_status()
        self.token = answer.json()["access_token"]
        listed = self.client.get(f"{API}/auth/sessions", headers=self.headers).raise_for_status()
        self.ids.update(session["id"] for session in listed.json()["items"])

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture
def slipway(tmp_path: Path) -> Iterator[SlipwayProcess]:
    process = SlipwayProcess(tmp_path / "data", SETTINGS).start()
    yield process
    process.stop()


@pytest.fixture
def client(slipway: SlipwayProcess) -> Iterator[httpx.Client]:
    with httpx.Client(
        base_url=slipway.origin, headers={"Origin": slipway.origin}, timeout=TIMEOUT_SECONDS, limits=BRIEF
    ) as made:
        yield made


def newcomer(client: httpx.Client) -> Person:
    person = Person(client, f"{uuid.uuid4().hex}@example.com")
    body = {"email": person.email, "password": PASSWORD}
    client.post(f"{API}/auth/register", json=body).raise_for_status()
    return person


def help_along(case: Case) -> None:
    """Replace most random bodies by valid ones, which random values never become."""
    if random.random() < 0.25:  # noqa: S311  # Hypothesis seeds it and repeats it
        return
    match case.operation.label:
        case label if label == CREATE:
            name = f"{random.randrange(1000)}.mp4"  # noqa: S311  # a name, not a secret
            case.body = {"filename": name, "size_bytes": 12, "content_type": "video/mp4"}
            case.headers["Idempotency-Key"] = str(uuid.UUID(int=random.getrandbits(128), version=4))
        case label if label == SIGN:
            case.body = {"part_numbers": [1]}
        case label if label == COMPLETE:
            case.body = {"parts": []}


def two_users(schema: Any, client: httpx.Client, happened: Counter[tuple[str, int]]) -> Any:
    """Return a state machine whose every scenario begins with two new users."""

    class TwoUsers(schema.as_state_machine()):  # type: ignore[misc]  # a class made at run time
        first_failure: BaseException | None = None

        def setup(self) -> None:
            self.people = [newcomer(client), newcomer(client)]

        def before_call(self, case: Case) -> None:
            self.person, self.other = random.sample(self.people, 2)
            if not self.person.token:
                self.person.sign_in()
            help_along(case)

        def get_call_kwargs(self, _: Case) -> dict[str, Any]:
            # Schemathesis alone waits 10 s.
            return {"headers": self.person.headers, "timeout": TIMEOUT_SECONDS}

        def validate_response(self, response: Any, case: Case, _: Any = None, **sent: Any) -> None:
            happened[case.operation.label, response.status_code] += 1
            try:
                case.validate_response(response, checks=CHECKS, transport_kwargs=sent)
                self.check_isolation(response, case)
            except BaseException as failure:
                # Hypothesis repeats a failure, and calls it flaky if this server answers differently.
                type(self).first_failure = type(self).first_failure or failure
                raise
            self.follow_up(response, case.operation.label)

        def check_isolation(self, response: Any, case: Case) -> None:
            asked = {str(value) for value in (case.path_parameters or {}).values()}
            if asked & self.other.ids:
                assert response.status_code in REFUSED, f"{case.operation.label} on the other's"
            else:
                assert not {found for found in self.other.ids if found in response.text}

        def follow_up(self, response: Any, label: str) -> None:
            if response.status_code == 401:
                self.person.token = ""
            if (label, response.status_code) == (CREATE, 201):
                self.person.ids.add(response.json()["video"]["id"])
            if (label, response.status_code) == (SIGN, 200):
                for part in response.json()["parts"]:
                    client.put(part["url"], content=b"x" * part["size_bytes"])

    return TwoUsers


def test_two_users_stay_apart(slipway: SlipwayProcess, client: httpx.Client) -> None:
    schema = schemathesis.openapi.from_dict(json.loads(OPENAPI.read_text()))
    schema.config.update(base_url=slipway.origin)
    happened: Counter[tuple[str, int]] = Counter()
    machine = two_users(schema, client, happened)
    with reported("two users, random requests of openapi.json", SEED) as tally:
        for scenario in itertools.count():
            try:
                seed(f"{SEED} {scenario}")(machine).run(settings=RUN)
            except FlakyStrategyDefinition:
                # Hypothesis compares scenarios with equal beginnings, and the server's random IDs let them differ.
                pass
            tally.runs = happened.total()
            # By chance some seeds need more requests until each of these happened.
            is_done = tally.runs >= CASES and all(happened[each] for each in MUST_HAPPEN)
            if machine.first_failure or is_done or tally.runs >= 10 * CASES:
                break
        if machine.first_failure:
            raise machine.first_failure
    missing = [each for each in MUST_HAPPEN if not happened[each]]
    assert not missing, f"{missing} never happened in {sorted(happened.items())}"
