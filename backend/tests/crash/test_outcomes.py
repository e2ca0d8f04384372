"""Fails every external call of every use case in every way it can fail, and checks what follows.

A row names the operation and its occurrence, the ways it fails, the caller's answer, and the video's state after
everything has settled. A commit is named after the service function that makes it. `A or B` means A if the client
repeats its request, else B. `done` is the answer of a use case without a client, and of a delete, whose 204 does not
wait for the store. tests/adapters/test_s3_outcomes.py maps errors on the wire to these failures.
"""

import pytest

from tests.crash.conftest import NewWorlds
from tests.crash.outcomes import outcomes_of, table_of
from tests.crash.report import reported
from tests.crash.test_crash_points import THOROUGH
from tests.crash.use_cases import USE_CASES, UseCase

_TABLE = {
    "create": """
commit find_or_insert 1 | not done, answer lost | DatabaseUnavailable -> gone
create_multipart_upload 1 | not done, answer lost, done late | StorageUnavailable -> gone
commit open_multipart_upload 1 | not done, answer lost | DatabaseUnavailable -> gone
""",
    "complete": """
commit claim 1 | not done | DatabaseUnavailable -> ready or gone
commit claim 1 | answer lost | DatabaseUnavailable -> ready
list_parts 1 | not done, missing | StorageUnavailable -> ready
complete_multipart_upload 1 | not done, done late, missing | StorageUnavailable -> ready
complete_multipart_upload 1 | answer lost | processing -> ready
head 1 | not done, missing | processing -> ready
commit settle 1 | not done, answer lost | DatabaseUnavailable -> ready
""",
    "complete, the store's StorageUnavailable after it assembled": """
commit claim 1 | not done | DatabaseUnavailable -> ready or gone
commit claim 1 | answer lost | DatabaseUnavailable -> ready
list_parts 1 | not done, missing | StorageUnavailable -> ready
complete_multipart_upload 1 | not done, done late, missing | StorageUnavailable -> ready
complete_multipart_upload 1 | answer lost | processing -> ready
head 1 | not done, missing | StorageUnavailable -> ready
list_parts 2 | not done | StorageUnavailable -> ready
list_parts 2 | missing | processing -> ready
commit settle 1 | not done, answer lost | DatabaseUnavailable -> ready
""",
    "complete with a part missing": """
commit claim 1 | not done, answer lost | DatabaseUnavailable -> gone
list_parts 1 | not done, missing | StorageUnavailable -> gone
head 1 | not done | StorageUnavailable -> gone
head 1 | missing | PartsIncomplete -> gone
commit settle 1 | not done, answer lost | DatabaseUnavailable -> gone
""",
    "complete, the upload is gone": """
commit claim 1 | not done | DatabaseUnavailable -> failed or gone
commit claim 1 | answer lost | DatabaseUnavailable -> failed
list_parts 1 | not done, missing | StorageUnavailable -> failed
head 1 | not done, missing | StorageUnavailable -> failed
commit leave_undecided 1 | not done, answer lost | DatabaseUnavailable -> failed
""",
    "resume by the reconciler, assembled already": """
commit resume 1 | not done, answer lost | done -> ready
list_parts 1 | not done, missing | done -> ready
head 1 | not done, missing | done -> ready
commit settle 1 | not done, answer lost | done -> ready
""",
    "delete uploading": """
commit delete 1 | not done, answer lost | DatabaseUnavailable -> gone
abort_multipart_upload 1 | not done, answer lost, done late | done -> gone
list_uploads 1 | not done | done -> gone
delete 1 | not done, answer lost, done late | done -> gone
head 1 | not done, missing | done -> gone
list_uploads 2 | not done | done -> gone
commit confirm 1 | not done, answer lost | done -> gone
""",
    "delete completing": """
commit delete 1 | not done | DatabaseUnavailable -> gone or ready
commit delete 1 | answer lost | DatabaseUnavailable -> gone
commit step 1 | not done, answer lost | done -> gone
""",
    "delete ready": """
commit delete 1 | not done | DatabaseUnavailable -> gone or ready
commit delete 1 | answer lost | DatabaseUnavailable -> gone
abort_multipart_upload 1 | not done, answer lost, done late | done -> gone
list_uploads 1 | not done | done -> gone
delete 1 | not done, answer lost, done late | done -> gone
head 1 | not done, missing | done -> gone
list_uploads 2 | not done | done -> gone
commit confirm 1 | not done, answer lost | done -> gone
""",
    "expire": """
commit claim 1 | not done, answer lost | done -> gone
list_parts 1 | not done, missing | done -> gone
head 1 | not done, missing | done -> gone
commit expire_if_stalled 1 | not done, answer lost | done -> gone
abort_multipart_upload 1 | not done, answer lost, done late | done -> gone
list_uploads 1 | not done | done -> gone
delete 1 | not done, answer lost, done late | done -> gone
head 2 | not done, missing | done -> gone
list_uploads 2 | not done | done -> gone
commit confirm 1 | not done, answer lost | done -> gone
""",
    "remove: the second confirmation": """
commit claim 1 | not done, answer lost | done -> gone
abort_multipart_upload 1 | not done, answer lost, done late | done -> gone
list_uploads 1 | not done | done -> gone
delete 1 | not done, answer lost, done late | done -> gone
head 1 | not done, missing | done -> gone
list_uploads 2 | not done | done -> gone
commit confirm 1 | not done, answer lost | done -> gone
""",
    "remove a failed video": """
commit claim 1 | not done, answer lost | done -> failed
abort_multipart_upload 1 | not done, answer lost, done late | done -> failed
list_uploads 1 | not done | done -> failed
delete 1 | not done, answer lost, done late | done -> failed
head 1 | not done, missing | done -> failed
list_uploads 2 | not done | done -> failed
commit confirm 1 | not done, answer lost | done -> failed
""",
    "probe: ready": """
commit probe_next 1 | not done, answer lost | DatabaseUnavailable -> ready
probe 1 | not done, missing | done -> ready
commit extend_lease 1 | not done, answer lost | done -> ready
scan 1 | not done | done -> ready
commit finish 1 | not done, answer lost | DatabaseUnavailable -> ready
commit probe_next 2 | not done, answer lost | DatabaseUnavailable -> ready
""",
    "probe: rejected": """
commit probe_next 1 | not done, answer lost | DatabaseUnavailable -> failed
probe 1 | not done, missing | done -> failed
commit finish 1 | not done, answer lost | DatabaseUnavailable -> failed
commit probe_next 2 | not done, answer lost | DatabaseUnavailable -> failed
""",
}

TABLE = {name: set(rows.strip().splitlines()) for name, rows in _TABLE.items()}


@pytest.mark.parametrize(
    "case", [case for case in USE_CASES if THOROUGH or case.name in TABLE], ids=lambda case: case.name
)
async def test_failed_call_has_documented_outcome(new_world: NewWorlds, case: UseCase) -> None:
    outcomes = await outcomes_of(new_world, case)

    with reported(f"failing calls of: {case.name}") as tally:
        for outcome in outcomes.values():
            tally.add(outcome.found)
    assert {where: outcome.found for where, outcome in outcomes.items() if outcome.found} == {}
    if case.name in TABLE:
        assert table_of(outcomes) == TABLE[case.name]
