"""Inserts many videos of one user into the database of a running Slipway, without their files."""

import sqlite3
import uuid
from datetime import UTC, datetime, timedelta

from app.domain.part_plan import MIB
from app.domain.video_list import name_key
from tests.engines.slipway import SlipwayProcess
from tests.waiting import TIMEOUT_SECONDS

_INSERT = "INSERT INTO videos ({}) VALUES ({})"
_STATES = ("ready", "ready", "ready", "failed", "ready", "uploading", "ready", "ready", "processing", "ready")


def seed_videos(slipway: SlipwayProcess, email: str, count: int, *, mixed: bool = False) -> None:
    """Insert `holiday-in-the-mountains-part-<n>.mp4`, the highest number newest. If `mixed`, some are not ready."""
    # The app may write at the moment, which takes long on a busy disk.
    with sqlite3.connect(slipway.data_dir / "slipway.db", timeout=TIMEOUT_SECONDS) as database:
        (user_id,) = database.execute("SELECT id FROM users WHERE email = ?", [email]).fetchone()
        rows = [_row(user_id, number, mixed=mixed) for number in range(1, count + 1)]
        for row in rows:
            database.execute(_INSERT.format(", ".join(row), ", ".join(f":{name}" for name in row)), row)


def _row(user_id: str, number: int, *, mixed: bool) -> dict[str, object]:
    name = f"holiday-in-the-mountains-part-{number}.mp4"
    status = _STATES[number % len(_STATES)] if mixed else "ready"
    created_at = (datetime.now(UTC) - timedelta(days=30) + timedelta(minutes=number)).strftime(
        "%Y-%m-%d %H:%M:%S.%f"
    )
    is_ready = status == "ready"
    return {
        "id": uuid.uuid4().hex,
        "user_id": user_id,
        "original_filename": name,
        "name_key": name_key(name),
        "content_type": "video/mp4",
        "declared_container": "mp4",
        "size_bytes": number * MIB,
        "part_size_bytes": 5 * MIB,
        "object_key": f"videos/{user_id}/{number}",
        "object_token": uuid.uuid4().hex,
        "etags_are_md5": True,
        "status": status,
        "status_code": "unreadable" if status == "failed" else None,
        "attempts": 0,
        "postponed": 0,
        "reserved_bytes": number * MIB,
        "container": "mp4" if is_ready else None,
        "duration_ms": number * 1000 if is_ready else None,
        "width": 1920 if is_ready else None,
        "height": 1080 if is_ready else None,
        "metadata_complete": is_ready,
        "created_at": created_at,
        "uploaded_at": created_at,
    }
