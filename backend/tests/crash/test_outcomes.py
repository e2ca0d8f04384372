"""The outcome table: every external call of every use case, failing in every way it can.

A line is `number and name of the call | how it fails | what the caller gets -> what becomes of the video`; where two
ends are named, the second is that without the client, who never asked again. `done` is upkeep and worker, and a
delete, whose 204 does not wait for the store. After each all invariants hold. Which error of the wire is which
failure of the port: tests/adapters/test_s3_outcomes.py.
"""

import pytest

from tests.crash.conftest import NewWorlds
from tests.crash.outcomes import outcomes_of, table_of
from tests.crash.report import reported
from tests.crash.test_crash_points import THOROUGH
from tests.crash.use_cases import USE_CASES, UseCase

TABLE = {
    "create": """
0 commit | not done, answer lost | DatabaseUnavailable -> gone
1 create_multipart_upload | not done, answer lost, done late | StorageUnavailable -> gone
2 commit | not done, answer lost | DatabaseUnavailable -> gone
""",
    "complete": """
0 commit | not done | DatabaseUnavailable -> ready or gone
0 commit | answer lost | DatabaseUnavailable -> ready
1 list_parts | not done, missing | StorageUnavailable -> ready
2 complete_multipart_upload | not done, done late, missing | StorageUnavailable -> ready
2 complete_multipart_upload | answer lost | processing -> ready
3 head | not done, missing | processing -> ready
4 commit | not done, answer lost | DatabaseUnavailable -> ready
""",
    "complete, the store's StorageUnavailable after it assembled": """
0 commit | not done | DatabaseUnavailable -> ready or gone
0 commit | answer lost | DatabaseUnavailable -> ready
1 list_parts | not done, missing | StorageUnavailable -> ready
2 complete_multipart_upload | not done, done late, missing | StorageUnavailable -> ready
2 complete_multipart_upload | answer lost | processing -> ready
3 head | not done, missing | StorageUnavailable -> ready
4 list_parts | not done | StorageUnavailable -> ready
4 list_parts | missing | processing -> ready
5 commit | not done, answer lost | DatabaseUnavailable -> ready
""",
    "complete with a part missing": """
0 commit | not done, answer lost | DatabaseUnavailable -> gone
1 list_parts | not done, missing | StorageUnavailable -> gone
2 head | not done | StorageUnavailable -> gone
2 head | missing | PartsIncomplete -> gone
3 commit | not done, answer lost | DatabaseUnavailable -> gone
""",
    "complete, the upload is gone": """
0 commit | not done | DatabaseUnavailable -> failed or gone
0 commit | answer lost | DatabaseUnavailable -> failed
1 list_parts | not done, missing | StorageUnavailable -> failed
2 head | not done, missing | StorageUnavailable -> failed
3 commit | not done, answer lost | DatabaseUnavailable -> failed
""",
    "resume by the upkeep, assembled already": """
0 commit | not done, answer lost | done -> ready
1 list_parts | not done, missing | done -> ready
2 head | not done, missing | done -> ready
3 commit | not done, answer lost | done -> ready
""",
    "delete uploading": """
0 commit | not done, answer lost | DatabaseUnavailable -> gone
1 abort_multipart_upload | not done, answer lost, done late | done -> gone
2 list_uploads | not done | done -> gone
3 delete | not done, answer lost, done late | done -> gone
4 head | not done, missing | done -> gone
5 list_uploads | not done | done -> gone
6 commit | not done, answer lost | done -> gone
""",
    "delete completing": """
0 commit | not done | DatabaseUnavailable -> gone or ready
0 commit | answer lost | DatabaseUnavailable -> gone
1 commit | not done, answer lost | done -> gone
""",
    "delete ready": """
0 commit | not done | DatabaseUnavailable -> gone or ready
0 commit | answer lost | DatabaseUnavailable -> gone
1 abort_multipart_upload | not done, answer lost, done late | done -> gone
2 list_uploads | not done | done -> gone
3 delete | not done, answer lost, done late | done -> gone
4 head | not done, missing | done -> gone
5 list_uploads | not done | done -> gone
6 commit | not done, answer lost | done -> gone
""",
    "expire": """
0 commit | not done, answer lost | done -> gone
1 list_parts | not done, missing | done -> gone
2 head | not done, missing | done -> gone
3 commit | not done, answer lost | done -> gone
4 abort_multipart_upload | not done, answer lost, done late | done -> gone
5 list_uploads | not done | done -> gone
6 delete | not done, answer lost, done late | done -> gone
7 head | not done, missing | done -> gone
8 list_uploads | not done | done -> gone
9 commit | not done, answer lost | done -> gone
""",
    "remove: the second confirmation": """
0 commit | not done, answer lost | done -> gone
1 abort_multipart_upload | not done, answer lost, done late | done -> gone
2 list_uploads | not done | done -> gone
3 delete | not done, answer lost, done late | done -> gone
4 head | not done, missing | done -> gone
5 list_uploads | not done | done -> gone
6 commit | not done, answer lost | done -> gone
""",
    "remove what failed": """
0 commit | not done, answer lost | done -> failed
1 abort_multipart_upload | not done, answer lost, done late | done -> failed
2 list_uploads | not done | done -> failed
3 delete | not done, answer lost, done late | done -> failed
4 head | not done, missing | done -> failed
5 list_uploads | not done | done -> failed
6 commit | not done, answer lost | done -> failed
""",
    "probe: ready": """
0 commit | not done, answer lost | DatabaseUnavailable -> ready
1 probe | not done, missing | done -> ready
2 commit | not done, answer lost | DatabaseUnavailable -> ready
3 commit | not done, answer lost | DatabaseUnavailable -> ready
""",
    "probe: a verdict": """
0 commit | not done, answer lost | DatabaseUnavailable -> failed
1 probe | not done, missing | done -> failed
2 commit | not done, answer lost | DatabaseUnavailable -> failed
3 commit | not done, answer lost | DatabaseUnavailable -> failed
""",
}


@pytest.mark.parametrize(
    "case", [case for case in USE_CASES if THOROUGH or case.name in TABLE], ids=lambda case: case.name
)
async def test_a_call_that_fails_leads_where_the_table_says(new_world: NewWorlds, case: UseCase) -> None:
    outcomes = await outcomes_of(new_world, case)

    with reported(f"failing calls of: {case.name}") as tally:
        for outcome in outcomes.values():
            tally.add(outcome.found)
    assert {where: outcome.found for where, outcome in outcomes.items() if outcome.found} == {}
    if case.name in TABLE:
        assert table_of(outcomes) == TABLE[case.name].strip()
