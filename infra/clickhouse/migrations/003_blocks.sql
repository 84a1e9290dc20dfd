CREATE TABLE IF NOT EXISTS blocks
(
    partition UInt16 COMMENT 'partition of the Kafka topic',
    first UInt64 COMMENT 'offset of the first record of the block' CODEC(Delta, ZSTD(1)),
    last UInt64 COMMENT 'offset of the last record of the block; the next block begins at last + 1' CODEC(Delta, ZSTD(1)),
    records UInt32 COMMENT 'records of the log in this block: last - first + 1',
    rows UInt32 COMMENT 'rows that it put into events',
    late UInt32 COMMENT 'rows that it put into late_events',
    repeats UInt32 COMMENT 'events that were there already: the client sent them again',
    poison UInt32 COMMENT 'records that could not be read and went to the topic juliu.dead',
    at DateTime64(3, 'Asia/Shanghai') COMMENT 'when the block was stored' CODEC(Delta, ZSTD(1))
)
ENGINE = ${ENGINE_PREFIX}MergeTree
PARTITION BY toYYYYMM(at)
ORDER BY (partition, first)
SETTINGS
    non_replicated_deduplication_window = 100000,
    replicated_deduplication_window = 100000,
    replicated_deduplication_window_seconds = 1209600,
    fsync_after_insert = 1,
    fsync_part_directory = 1
COMMENT 'What of the log is in events: one row a block, written after its rows. Blocks of a partition follow each other without a hole; what is missing to records = rows + late + repeats + poison are control records. No TTL: the chain is the position of the store. Months older than events may be dropped by hand, oldest first.'
