"""Test GET /upload-policy, which gives the page its limits and accepted types."""

import httpx

from tests.api.shapes import API, POLICY_FIELDS, assert_time, with_settings
from tests.fakes import FakeClock

# A deliberate copy of the contract's table.
TABLE = [
    ("mp4", [".mp4", ".m4v"], ["video/mp4", "video/x-m4v"], "isobmff"),
    ("mov", [".mov", ".qt"], ["video/quicktime"], "isobmff"),
    ("avi", [".avi"], ["video/x-msvideo", "video/avi", "video/vnd.avi", "video/msvideo"], "riff"),
    ("webm", [".webm"], ["video/webm"], "matroska"),
    ("mkv", [".mkv"], ["video/x-matroska", "video/matroska"], "matroska"),
]


async def test_is_public_and_lists_accepted_types(client: httpx.AsyncClient, clock: FakeClock) -> None:
    answer = await client.get(f"{API}/upload-policy")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == POLICY_FIELDS
    assert body["max_size_bytes"] == 2 * 1024**3
    assert body["presign_ttl_seconds"] == 900
    assert body["containers"] == [
        {"container": name, "extensions": extensions, "content_types": types, "family": family}
        for name, extensions, types, family in TABLE
    ]
    assert body["part_plan"] == {
        "min_part_bytes": 5 * 1024**2,
        "max_part_bytes": 16 * 1024**2,
        "part_bytes_multiple": 1024**2,
        "wanted_parts": 6,
    }
    assert body["max_parts_per_signing"] == 32
    assert assert_time(body["server_time"]) == clock.now()


@with_settings(max_upload_bytes=1000, presign_ttl_seconds=60)
async def test_follows_settings(client: httpx.AsyncClient) -> None:
    body = (await client.get(f"{API}/upload-policy")).json()
    assert (body["max_size_bytes"], body["presign_ttl_seconds"]) == (1000, 60)
