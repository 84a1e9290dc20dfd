"""Every metric: its name, labels and a sentence.  Nobody else spells one.

No label names a viewer, a drama or anything else without a bound.  A process with several workers sets
PROMETHEUS_MULTIPROC_DIR before anything imports this module; `exposition` then adds the workers up.
"""

from __future__ import annotations

import os

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

# seconds: from a Redis call to the longest wait that the API promises
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

# -- ingest_api ------------------------------------------------------------------------------------------------------

API_REQUESTS = Counter("juliu_api_requests_total", "Answers of the API by route and status.", ["route", "status"])
API_SECONDS = Histogram(
    "juliu_api_request_seconds", "From the request's first byte to its answer.", ["route"], buckets=SECONDS
)
API_REFUSED = Counter("juliu_api_refused_total", "Requests answered with an error, by its code.", ["code"])
EVENTS_ACCEPTED = Counter(
    "juliu_api_events_accepted_total", "Events that are in the log and were answered accepted.", ["type"]
)
EVENTS_REJECTED = Counter("juliu_api_events_rejected_total", "Events answered rejected, by reason.", ["reason"])
REJECTS_SAMPLED = Counter(
    "juliu_api_rejects_sampled_total", "Rejected events: put into juliu.dead, or passed over.", ["fate"]
)
LOG_ACK_SECONDS = Histogram(
    "juliu_api_log_ack_seconds", "From handing a batch to Kafka to its delivery reports.", buckets=SECONDS
)
LOG_FAILURES = Counter("juliu_api_log_failures_total", "Batches that Kafka did not take in time, by cause.", ["cause"])
LOG_WAITING = Gauge(
    "juliu_api_log_waiting_messages", "Messages handed to Kafka, not yet reported.", multiprocess_mode="livesum"
)
LOG_WAITING_BYTES = Gauge(
    "juliu_api_log_waiting_bytes", "Bytes handed to Kafka, not yet reported.", multiprocess_mode="livesum"
)


def exposition() -> tuple[bytes, str]:
    """All metrics of this process (or of all its workers) in Prometheus' text form, and its content type."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
