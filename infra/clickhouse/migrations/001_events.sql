CREATE TABLE IF NOT EXISTS events
(
    event_id UUID COMMENT 'label of the event, made on the device; the identity is (user_id, session_id, seq)',
    event_type LowCardinality(String) COMMENT 'play_started, heartbeat, play_ended, liked, unliked, followed, unfollowed, shared, disliked, impression, clicked',
    user_id UInt64 COMMENT 'viewer, from the token',
    session_id String COMMENT 'session of the viewer (UUID as text); seq counts inside it' CODEC(ZSTD(1)),
    seq UInt64 COMMENT 'number of the event in its session: 1, 2, 3 ... over all types',
    play_id UUID COMMENT 'playback that the event belongs to; zeros where it belongs to none',
    drama_id UInt64 COMMENT 'drama',
    drama_index UInt32 COMMENT 'dense index of the drama in the catalogue',
    episode_no UInt32 COMMENT 'episode of the drama, from 1; 0 where the event is about the drama as a whole',
    ts DateTime64(3, 'Asia/Shanghai') COMMENT 'when it happened (device clock, corrected by the server clock); days are days of Asia/Shanghai' CODEC(Delta, ZSTD(1)),
    received_at DateTime64(3, 'Asia/Shanghai') COMMENT 'when the API took it; for backfill the time at which the batch says it was sent' CODEC(Delta, ZSTD(1)),
    device_at DateTime64(3, 'Asia/Shanghai') COMMENT 'uncorrected clock of the device; use ts' CODEC(Delta, ZSTD(1)),
    clock_reset Bool COMMENT 'the device clock was impossible, so ts is received_at',
    late Bool COMMENT 'received more than 7 days after it happened; such rows are in late_events, never here',
    from_ms UInt64 COMMENT 'heartbeat, play_ended: start of the content watched in one go, milliseconds of the episode',
    to_ms UInt64 COMMENT 'heartbeat, play_ended: end (exclusive) of the content watched in one go, milliseconds of the episode',
    wall_ms UInt32 COMMENT 'heartbeat, play_ended: time that watching from_ms..to_ms took; half of it at double speed',
    stalls UInt32 COMMENT 'heartbeat, play_ended: times that the player stood still in this interval',
    stall_ms UInt32 COMMENT 'heartbeat, play_ended: time that the player stood still in this interval',
    duration_ms UInt64 COMMENT 'length of the episode, from the catalogue at the time of receipt',
    first_frame_ms UInt32 COMMENT 'play_started: time from the request to the first frame; 0 where the client did not say',
    qualified Bool COMMENT 'play_started: this playback may heat its drama',
    reason LowCardinality(String) COMMENT 'play_ended: why it ended, in the words of the client (next, back, finished ...)',
    request_id String COMMENT 'answer of the feed that led here; empty where none did' CODEC(ZSTD(1)),
    position UInt32 COMMENT 'impression, clicked: place in that answer, from 0',
    source LowCardinality(String) COMMENT 'impression, clicked: what put the drama there (hot, trend, personal ...)',
    arm LowCardinality(String) COMMENT 'impression, clicked: arm of the experiment',
    rule UInt16 COMMENT 'version of the playback rule (view, valid, long, complete) that holds for this event',
    app_id LowCardinality(String) COMMENT 'mini-program',
    platform LowCardinality(String) COMMENT 'client platform, such as weapp',
    version LowCardinality(String) COMMENT 'client version',
    network LowCardinality(String) COMMENT 'network of the device, such as wifi',
    scene UInt32 COMMENT 'WeChat scene by which the mini-program was opened',
    channel LowCardinality(String) COMMENT 'marketing channel',
    partition UInt16 COMMENT 'partition of the Kafka topic that the record came from',
    offset UInt64 COMMENT 'offset of the record in that partition; (partition, offset) is unique' CODEC(Delta, ZSTD(1))
)
ENGINE = ${ENGINE_PREFIX}ReplacingMergeTree
PARTITION BY toYYYYMM(received_at)
PRIMARY KEY (event_type, toDate(ts), drama_id, user_id)
ORDER BY (event_type, toDate(ts), drama_id, user_id, session_id, seq)
TTL toDateTime(received_at) + INTERVAL 13 MONTH
SETTINGS
    non_replicated_deduplication_window = 100000,
    replicated_deduplication_window = 100000,
    replicated_deduplication_window_seconds = 1209600,
    fsync_after_insert = 1,
    fsync_part_directory = 1
COMMENT 'Every event that viewers caused, once, about a second after the API took it. Each event is one row: resends are dropped before they get here, so plain count() is exact. Not here: events received over 7 days late and resends too old to tell (both in late_events), and broken records (topic juliu.dead). Kept 13 months from received_at. Days are days of Asia/Shanghai; a month is closed 7 days after its end.'
