"""GET /upload-policy: where the page takes its limits and its list of types from."""

import httpx

from tests.api.shapes import API, assert_time, with_settings
from tests.fakes import FakeClock

# The contract's table, written down a second time on purpose.
TABLE = [
    ("mp4", [".mp4", ".m4v"], ["video/mp4", "video/x-m4v"]),
    ("mov", [".mov", ".qt"], ["video/quicktime"]),
    ("avi", [".avi"], ["video/x-msvideo", "video/avi", "video/vnd.avi", "video/msvideo"]),
    ("webm", [".webm"], ["video/webm"]),
    ("mkv", [".mkv"], ["video/x-matroska", "video/matroska"]),
]


async def test_it_is_public_and_says_what_is_taken(client: httpx.AsyncClient, clock: FakeClock) -> None:
    answer = await client.get(f"{API}/upload-policy")
    assert answer.status_code == 200
    body = answer.json()
    assert set(body) == {"max_size_bytes", "presign_ttl_seconds", "containers", "server_time"}
    assert body["max_size_bytes"] == 2 * 1024**3
    assert body["presign_ttl_seconds"] == 900
    assert body["containers"] == [
        {"container": name, "extensions": extensions, "content_types": types}
        for name, extensions, types in TABLE
    ]
    assert assert_time(body["server_time"]) == clock.now()


@with_settings(max_upload_bytes=1000, presign_ttl_seconds=60)
async def test_it_follows_the_settings(client: httpx.AsyncClient) -> None:
    body = (await client.get(f"{API}/upload-policy")).json()
    assert (body["max_size_bytes"], body["presign_ttl_seconds"]) == (1000, 60)
