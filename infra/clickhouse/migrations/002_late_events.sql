CREATE TABLE IF NOT EXISTS late_events AS events
ENGINE = ${ENGINE_PREFIX}ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
PRIMARY KEY (partition, offset)
ORDER BY (partition, offset)
TTL toDateTime(received_at) + INTERVAL 13 MONTH
SETTINGS
    non_replicated_deduplication_window = 100000,
    replicated_deduplication_window = 100000,
    replicated_deduplication_window_seconds = 1209600,
    fsync_after_insert = 1,
    fsync_part_directory = 1
COMMENT 'Events that were accepted but are not counted anywhere: late = received more than 7 days after they happened; not late = so far behind in their session that nobody can tell whether they were counted already. An event that the client sent again is here again (each row is another record of the log): count uniqExact((user_id, session_id, seq)). Kept 13 months from received_at.'
