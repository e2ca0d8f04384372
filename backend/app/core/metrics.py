"""Counters and histograms for /metrics; names follow Prometheus' conventions."""

from prometheus_client import Counter, Histogram

HTTP_REQUESTS = Counter("slipway_http_requests_total", "Requests answered.", ["method", "route", "status"])
HTTP_REQUEST_SECONDS = Histogram(
    "slipway_http_request_seconds", "Time to the answer's first byte.", ["method", "route"]
)
HTTP_REQUEST_BYTES = Counter("slipway_http_request_body_bytes_total", "Bytes of request bodies received.")
STORAGE_CALL_SECONDS = Histogram(
    "slipway_storage_call_seconds", "Time of one storage call.", ["operation", "outcome"]
)
VIDEO_TRANSITIONS = Counter(
    "slipway_video_transitions_total", "Changes of a video's state.", ["event", "status"]
)
PROBES = Counter("slipway_probes_total", "Metadata reads by how they ended.", ["outcome"])
