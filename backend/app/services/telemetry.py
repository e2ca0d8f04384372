"""Count what pages report about their uploads, such as a bad connection that no server sees."""

import uuid
from collections.abc import Mapping
from typing import Any

import structlog

from app.core.metrics import UPLOAD_GOODPUT, UPLOAD_TROUBLE, UPLOADS_REPORTED

log = structlog.get_logger()


def count_upload(user_id: uuid.UUID, report: Mapping[str, Any]) -> None:
    """Count a report with UploadTelemetryIn's fields. Its content is not trusted."""
    UPLOADS_REPORTED.labels(outcome=report["outcome"], phase=report["phase"]).inc()
    for kind in ("retries", "stalls", "renewals", "parts_without_md5"):
        UPLOAD_TROUBLE.labels(kind=kind).inc(report[kind])
    if report["goodput_bytes_per_second"]:
        UPLOAD_GOODPUT.observe(report["goodput_bytes_per_second"])
    log.info("upload.reported", user_id=str(user_id), **report)
