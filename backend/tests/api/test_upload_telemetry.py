"""Test POST /upload-telemetry and its metrics."""

import re
import uuid
from io import StringIO
from typing import Any

import httpx
import pytest

from tests.api.shapes import API, assert_error
from tests.conftest import SignedIn

REPORT: dict[str, Any] = {
    "video_id": str(uuid.uuid4()),
    "outcome": "failed",
    "phase": "sending",
    "error_code": "network",
    "bytes_total": 40_000_000,
    "bytes_sent": 10_000_000,
    "duration_ms": 61_000,
    "goodput_bytes_per_second": 163_934,
    "part_count": 6,
    "retries": 9,
    "stalls": 2,
    "renewals": 1,
    "parts_without_md5": 3,
}


async def _counted(client: httpx.AsyncClient) -> dict[str, float]:
    text = (await client.get("/metrics")).text
    found = re.findall(r"^slipway_(upload\S+?(?:\{[^}]*\})?) (\S+)$", text, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_counts_reports_by_outcome_phase_and_cause(
    client: httpx.AsyncClient, signed_in: SignedIn
) -> None:
    alice = await signed_in()
    before = await _counted(client)

    answer = await alice.post(f"{API}/upload-telemetry", json=REPORT)

    assert (answer.status_code, answer.content) == (204, b"")
    after = await _counted(client)
    grown = {name: value - before.get(name, 0.0) for name, value in after.items() if "created" not in name}
    assert grown['uploads_reported_total{outcome="failed",phase="sending"}'] == 1
    assert grown['upload_trouble_total{kind="retries"}'] == 9
    assert grown['upload_trouble_total{kind="stalls"}'] == 2
    assert grown['upload_trouble_total{kind="renewals"}'] == 1
    assert grown['upload_trouble_total{kind="parts_without_md5"}'] == 3
    assert grown["upload_goodput_bytes_per_second_count"] == 1
    assert grown["upload_goodput_bytes_per_second_sum"] == 163_934


async def test_accepts_report_without_count_of_parts_without_md5(signed_in: SignedIn) -> None:
    alice = await signed_in()
    older = {name: value for name, value in REPORT.items() if name != "parts_without_md5"}
    assert (await alice.post(f"{API}/upload-telemetry", json=older)).status_code == 204


async def test_logs_ids_of_failure_report(signed_in: SignedIn, log: StringIO) -> None:
    alice = await signed_in()

    answer = await alice.post(f"{API}/upload-telemetry", json=REPORT)

    line = next(line for line in log.getvalue().splitlines() if "upload.reported" in line)
    assert REPORT["video_id"] in line
    assert answer.headers["x-request-id"] in line


async def test_accepts_report_of_unstarted_upload(signed_in: SignedIn) -> None:
    alice = await signed_in()
    never = REPORT | {"video_id": None, "phase": "checking", "goodput_bytes_per_second": None}
    assert (await alice.post(f"{API}/upload-telemetry", json=never)).status_code == 204


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("outcome", "<b>"),
        ("phase", "x" * 10_000),
        ("error_code", "Not A Code"),
        ("retries", -1),
        ("retries", 10**9),
        ("bytes_sent", 2.5),
        ("video_id", "no uuid"),
        ("surprise", 1),
    ],
)
async def test_invalid_report_adds_no_label(
    client: httpx.AsyncClient, signed_in: SignedIn, field: str, value: object
) -> None:
    alice = await signed_in()
    before = await _counted(client)

    assert_error(
        await alice.post(f"{API}/upload-telemetry", json=REPORT | {field: value}), 422, "validation_error"
    )

    assert await _counted(client) == before


async def test_report_requires_session(client: httpx.AsyncClient) -> None:
    assert_error(await client.post(f"{API}/upload-telemetry", json=REPORT), 401, "not_authenticated")
