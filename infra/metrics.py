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
PLAYS_STARTED = Counter(
    "juliu_api_plays_started_total", "Accepted play_started, by what they brought: backfill, valid, none, bad, other.",
    ["ticket"],
)  # fmt: skip
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

THREADS_INSIDE = Gauge(
    "juliu_api_threads_calls", "Calls to MySQL that run or wait for a thread, by who makes them.", ["pool"],
    multiprocess_mode="livesum",
)  # fmt: skip
PLAYS_ASKED = Counter(
    "juliu_play_permissions_total", "Answers to who wants to play: free, unlocked, remembered, locked.", ["outcome"]
)
UNLOCKS = Counter(
    "juliu_unlocks_total", "Answers to an unlock, by outcome: done, or the code of the error.", ["outcome"]
)

FEED_ITEMS = Counter("juliu_feed_items_total", "Dramas served in feeds and lists, by source.", ["source"])
FEED_SOURCE_FAILURES = Counter(
    "juliu_feed_source_failures_total", "Sources passed over because they did not answer.", ["source"]
)

# -- streams -----------------------------------------------------------------------------------------------------------

RECORDS = Counter("juliu_stream_records_total", "Records whose effects are in the store.", ["group"])
RECORD_AGE = Histogram(
    "juliu_stream_record_age_seconds", "From receipt by the API to effect, of each run's oldest.", ["group"],
    buckets=SECONDS,
)  # fmt: skip
DROPPED = Counter(
    "juliu_stream_dropped_total", "Events not counted, by reason: seen, too_old, late.", ["group", "reason"]
)
POISON = Counter("juliu_stream_poison_total", "Records put into juliu.dead.", ["group"])
BEGUN_AGAIN = Counter("juliu_stream_begun_again_total", "Times that a fence was not where it was left.", ["group"])
WAITING = Gauge("juliu_stream_waiting_partitions", "Partitions that wait for a store.", ["group", "store"])
LAG_RECORDS = Gauge("juliu_stream_lag_records", "Records behind the fence.", ["group", "partition"])
LAG_SECONDS = Gauge("juliu_stream_lag_seconds", "Age of the first event behind the fence.", ["group", "partition"])
LOOKED_AT = Gauge(
    "juliu_stream_looked_at_seconds",
    "When the watchdog last had answers from Kafka and Redis, Unix time: fence and lag are as of then.",
    ["group"],
)
FENCE = Gauge("juliu_stream_fence", "The last offset whose effects are in the store.", ["group", "partition"])
KEPT_SECONDS = Gauge(
    "juliu_stream_kept_seconds",
    "How much older than the first event behind the fence the oldest record of the log is: what retention takes before"
    " it passes the fence.  +Inf where the fence is not far behind, or retention has taken nothing yet.",
    ["group", "partition"],
)
MERGE_SECONDS = Histogram("juliu_merge_seconds", "One merge of counters and heat.", ["kind"], buckets=SECONDS)

RELAY_SENT = Counter("juliu_relay_sent_total", "Outbox rows that are in the log and marked.")
RELAY_WAITS = Counter("juliu_relay_waits_total", "Turns of the relay that ended waiting for a store.", ["store"])
RELAY_SHARDS = Gauge("juliu_relay_shards", "Shards of the outbox that this relay leases.")
RELAY_LAG_ROWS = Gauge("juliu_relay_lag_rows", "Rows of its shards that are not marked yet.")
RELAY_LAG_SECONDS = Gauge("juliu_relay_lag_seconds", "Age of the oldest of them.")

# -- streams.media -----------------------------------------------------------------------------------------------------

MEDIA_ROWS_AT = Gauge(
    "juliu_media_rows_at_seconds",
    "When all of juliu.media was last seen to be in ClickHouse, Unix time; 0 where this process does not see to it.",
)

# -- media_jobs --------------------------------------------------------------------------------------------------------

MEDIA_STEPS = Counter(
    "juliu_media_steps_total",
    "Runs of a step that ended, by outcome: done, later, given_back, again, mend, give_up, bad_facts, cancelled, lost.",
    ["step", "outcome"],
)
MEDIA_STEP_SECONDS = Histogram(
    "juliu_media_step_seconds", "From the lease of a step to its end, by the clock.", ["step"],
    buckets=(0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1_800.0, 3_600.0, 14_400.0),
)  # fmt: skip
MEDIA_WAITS = Counter("juliu_media_waits_total", "Times that a media worker waited for a store.", ["store"])
MEDIA_WORK_BYTES = Gauge("juliu_media_work_bytes", "What the running step has written into its folder.")
MEDIA_EXTRAS = Counter("juliu_media_extras_total", "What was begun twice at a service, found and deleted.", ["service"])
MEDIA_READY = Gauge("juliu_media_ready_steps", "Steps that could be begun now, of all jobs.", ["step"])
MEDIA_READY_SECONDS = Gauge("juliu_media_ready_seconds", "How long the oldest of them could have been begun.")
MEDIA_LEASED = Gauge("juliu_media_leased_steps", "Steps that workers hold now.")
MEDIA_RECORDS_SENT = Counter("juliu_media_records_sent_total", "Records that are in juliu.media and forgotten.")
MEDIA_RECORDS_WAITING = Gauge("juliu_media_records_waiting", "Records that are not in juliu.media yet.")
MEDIA_TIDIED_FILES = Counter(
    "juliu_media_tidied_files_total",
    "Files that media jobs had left behind and that were deleted: rendition, posters, mezzanine, source, work, upload.",
    ["what"],
)
MEDIA_TIDIED_BYTES = Counter("juliu_media_tidied_bytes_total", "How large they were, as far as is known.", ["what"])
MEDIA_JOBS_PRUNED = Counter("juliu_media_jobs_pruned_total", "Old jobs whose rows in MySQL were deleted.")
MEDIA_LOOKED_AT = Gauge("juliu_media_looked_at_seconds", "When the queue was last looked at, Unix time.")

# -- recommender -------------------------------------------------------------------------------------------------------

TRAININGS = Counter(
    "juliu_trainings_total",
    "Scheduled trainings, by outcome: published, refused, trouble, busy, died, stuck.",
    ["outcome"],
)
TRAINED_AT = Gauge(
    "juliu_trained_at_seconds", "When a scheduled training last published, Unix time; 0 before the first."
)
RECOMMENDATIONS_END = Gauge(
    "juliu_recommendations_end_seconds",
    "When the version of recommendations that readers have runs out, Unix time; 0 where there never was one.",
)
REFRESHES = Counter(
    "juliu_refreshes_total",
    "Scheduled runs between trainings, by task (lists, fold-in, cold) and outcome: done, refused, trouble, busy, died,"
    " stuck.",
    ["task", "outcome"],
)
REFRESHED_AT = Gauge(
    "juliu_refreshed_at_seconds", "When a task was last done, Unix time; 0 before the first.", ["task"]
)

# -- juliu.canary ------------------------------------------------------------------------------------------------------

CANARY_SECONDS = Histogram(
    "juliu_canary_seconds", "From sending a canary to where it was found, by stage: accepted, counted, stored.",
    ["stage"], buckets=(*SECONDS, 20.0),
)  # fmt: skip
CANARY_FAILURES = Counter(
    "juliu_canary_failures_total",
    "Canaries that did not arrive, by where they were lost sight of: refused, unknown, not_counted, not_stored.",
    ["failure"],
)
CANARY_FAILING = Gauge("juliu_canary_failing_partitions", "Partitions whose last canary did not arrive.")
CANARY_ARRIVED_AT = Gauge(
    "juliu_canary_arrived_at_seconds", "When a canary last arrived everywhere, Unix time; 0 before the first."
)

# -- media_jobs: WeChat ------------------------------------------------------------------------------------------------

PLATFORM_CALLS = Counter(
    "juliu_media_platform_calls_total", "Calls to WeChat's media API by outcome: done, refused, unclear, notsent.",
    ["call", "outcome"],
)  # fmt: skip
PLATFORM_LINKS = Gauge(
    "juliu_media_platform_links", "Play links that viewers asked for lately, by state: kept, due.", ["state"]
)
PLATFORM_REFUSED_LINKS = Counter("juliu_media_platform_links_refused_total", "Play links that WeChat refused.")
TRAFFIC_LEFT = Gauge(
    "juliu_media_platform_traffic_left_ratio",
    "What is left of WeChat's valid traffic packages, 0 to 1; 1 before asked.",
)
TRAFFIC_DAYS_LEFT = Gauge(
    "juliu_media_platform_traffic_days_left", "For how many days that lasts at the mean of the last seven; 365 at most."
)
TRAFFIC_ASKED_AT = Gauge("juliu_media_platform_traffic_asked_at_seconds", "When that was asked, Unix time; 0: never.")
TRAFFIC_LEFT.set(1)
TRAFFIC_DAYS_LEFT.set(365)

# -- infra.catalogue -------------------------------------------------------------------------------------------------

CATALOGUE_AGE = Gauge(
    "juliu_catalogue_age_seconds",
    "Since this process last knew its catalogue to be what is published.",
    multiprocess_mode="livemax",
)


def exposition() -> tuple[bytes, str]:
    """All metrics of this process (or of all its workers) in Prometheus' text form, and its content type."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest(REGISTRY), CONTENT_TYPE_LATEST
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry), CONTENT_TYPE_LATEST
