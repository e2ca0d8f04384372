"""Define the metrics of /metrics, with names by Prometheus' conventions."""

from prometheus_client import Counter, Gauge, Histogram

from app.domain.sweep_report import Category

BUILD_INFO = Gauge(
    "slipway_build_info", "1, with what the process runs.", ["version", "commit", "schema_version"]
)
HTTP_REQUESTS = Counter("slipway_http_requests_total", "Requests answered.", ["method", "route", "status"])
HTTP_REQUEST_SECONDS = Histogram(
    "slipway_http_request_seconds", "Time that the app took to answer.", ["method", "route"]
)
HTTP_REQUEST_BYTES = Counter("slipway_http_request_body_bytes_total", "Bytes of request bodies received.")
LIMIT_HITS = Counter("slipway_limit_hits_total", "Requests that a limit refused.", ["limit"])
DATABASE_SECONDS = Histogram("slipway_database_seconds", "Time of one statement.", ["statement", "outcome"])
STORAGE_CALL_SECONDS = Histogram(
    "slipway_storage_call_seconds", "Time of one storage call.", ["operation", "outcome"]
)
STORAGE_VERSIONS_KEPT = Gauge(
    "slipway_storage_versions_kept", "1 if the store refuses to delete versions of deleted objects."
)
VIDEO_TRANSITIONS = Counter(
    "slipway_video_transitions_total", "Changes of a video's state.", ["event", "status"]
)
PROBES = Counter("slipway_probes_total", "Metadata reads by how they ended.", ["outcome"])
SCAN_SECONDS = Histogram(
    "slipway_scan_seconds",
    "Time of one scan.",
    ["outcome"],
    buckets=[2**power for power in range(-3, 13)],
)
SWEEP_FOUND = Gauge("slipway_sweep_found", "Items that the last sweep found.", ["category"])
SWEEP_FOUND_BYTES = Gauge("slipway_sweep_found_bytes", "Bytes of those items.", ["category"])
SWEEP_OLDEST_SECONDS = Gauge("slipway_sweep_oldest_seconds", "Age of the oldest item.", ["category"])
SWEEP_STOPPED = Gauge("slipway_sweep_stopped", "1 if this stopped the last sweep.", ["outcome"])
SWEEP_LAST_SUCCESS = Gauge("slipway_sweep_last_success_timestamp_seconds", "When a sweep last was done.")
# Before the first sweep an alarm on its age counts from here, as does one on the first count below.
SWEEP_LAST_SUCCESS.set_to_current_time()
SWEEP_INTERVAL = Gauge(
    "slipway_sweep_interval_seconds", "SWEEP_INTERVAL_SECONDS, for an alarm on old sweeps."
)
SWEEP_CHANGES = Counter("slipway_sweep_changes_total", "Items that this process removed.", ["category"])
# Prometheus sees no increase in a series that begins at 1, so what an alarm compares begins at 0.
PROBES.labels(outcome="ready_crashed")
SCAN_SECONDS.labels(outcome="unavailable")
for _category in Category:
    SWEEP_CHANGES.labels(_category.value)

# What the database has, the same in every process.
VIDEOS = Gauge("slipway_videos", "Videos in the database.", ["status"])
OLDEST_DUE_SECONDS = Gauge("slipway_oldest_due_seconds", "How long the oldest work has been due.", ["status"])
RESERVED_BYTES = Gauge("slipway_reserved_bytes", "Bytes that count against quotas.")
STORED_BYTES = Gauge("slipway_stored_bytes", "Reserved bytes of videos that are not being uploaded.")
ACCOUNTS = Gauge("slipway_accounts", "Accounts, disabled ones included.")
COUNTED_AT = Gauge("slipway_counted_timestamp_seconds", "When the database was last counted.")
COUNTED_AT.set_to_current_time()

# What pages report of their own uploads. Anyone can send it, so nothing depends on it.
UPLOADS_REPORTED = Counter(
    "slipway_uploads_reported_total", "Uploads by how and where they ended.", ["outcome", "phase"]
)
UPLOAD_TROUBLE = Counter(
    "slipway_upload_trouble_total",
    "Parts retried, stalled or sent without MD5 and URLs renewed, as pages report.",
    ["kind"],
)
UPLOAD_GOODPUT = Histogram(
    "slipway_upload_goodput_bytes_per_second",
    "Bytes that arrived by the time it took, for each upload that sent any.",
    buckets=[2**power for power in range(14, 29, 2)],
)
