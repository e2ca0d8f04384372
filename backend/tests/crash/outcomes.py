"""Records what a failing call leads to, for its caller and for the video."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from app.models import Video
from app.ports import NoSuchObject, NoSuchUpload
from app.services.uploads import StartedUpload
from tests.crash.crash_points import NewWorld, record
from tests.crash.process import Fault, is_commit
from tests.crash.use_cases import UseCase
from tests.crash.world import PAST_A_LEASE

NOT_DONE, LOST, LATE, MISSING = "not done", "answer lost", "done late", "missing"
"""How a call fails, as the port reports it.

tests/adapters/test_s3_outcomes.py maps errors on the wire to these. Refused connections, resets, 403, 500, 503 and
malformed answers are `not done` or `answer lost`. A hang is one of the first three. 404 is `missing`.
"""


@dataclass(frozen=True)
class Outcome:
    answer: str
    repeated: str
    abandoned: str
    found: list[str]

    def __str__(self) -> str:
        same = self.repeated == self.abandoned
        return f"{self.answer} -> {self.repeated}{'' if same else f' or {self.abandoned}'}"


def faults_of(call: str) -> dict[str, Fault]:
    """Return the ways in which this call may fail."""
    if is_commit(call):
        return {NOT_DONE: Fault("before"), LOST: Fault("after")}
    faults = {NOT_DONE: Fault("before")}
    if call in ("create_multipart_upload", "complete_multipart_upload", "abort_multipart_upload", "delete"):
        faults[LOST] = Fault("after")
        faults[LATE] = Fault("after", takes_effect_late=True)
    if call in ("list_parts", "complete_multipart_upload"):
        faults[MISSING] = Fault("before", NoSuchUpload())
    if call in ("head", "probe"):
        faults[MISSING] = Fault("before", NoSuchObject())
    return faults


async def outcomes_of(new_world: NewWorld, case: UseCase) -> dict[tuple[str, int, str], Outcome]:
    """Return the outcome for each operation, its occurrence (from 1) and the way it fails."""
    outcomes = {}
    occurrences: Counter[str] = Counter()
    for index, call in enumerate(await record(new_world, case)):
        occurrences[call] += 1
        for failure, fault in faults_of(call).items():
            outcomes[call, occurrences[call], failure] = await _outcome(new_world, case, {index: fault})
    return outcomes


def table_of(outcomes: Mapping[tuple[str, int, str], Outcome]) -> set[str]:
    """Return a row for each operation, occurrence and outcome, with the failures that lead there."""
    rows: dict[tuple[str, int, str], list[str]] = {}
    for (call, occurrence, failure), outcome in outcomes.items():
        rows.setdefault((call, occurrence, str(outcome)), []).append(failure)
    return {
        f"{call} {occurrence} | {', '.join(failures)} | {outcome}"
        for (call, occurrence, outcome), failures in rows.items()
    }


async def _outcome(new_world: NewWorld, case: UseCase, plan: dict[int, Fault]) -> Outcome:
    ends = {}
    found: list[str] = []
    answer: object = None
    for repeats in {case.has_client, False}:
        async with new_world() as world:
            await case.arrange(world)
            await world.restart(plan)
            answer = await world.run(case.act)
            await world.check()
            if repeats:
                world.clock.advance(PAST_A_LEASE)
                await world.run(case.act)
            await world.settle()
            ends[repeats] = await world.end()
            found += world.found
    return Outcome(_described(answer), ends[case.has_client], ends[False], found)


def _described(answer: object) -> str:
    if isinstance(answer, Exception):
        return type(answer).__name__
    if isinstance(answer, StartedUpload):
        return "created"
    if isinstance(answer, Video):
        return answer.status.value
    return "done"
