CREATE TABLE IF NOT EXISTS rec_models
(
    at DateTime64(3, 'Asia/Shanghai') COMMENT 'when it was decided' CODEC(Delta, ZSTD(1)),
    decision LowCardinality(String) COMMENT 'published: readers got it; refused: the version before stayed; rolled_back: readers got the version before it again',
    reason String COMMENT 'why it was refused, or who rolled back; empty where all was well',
    version String COMMENT 'the version that readers have after this; of a refused one: empty',
    before String COMMENT 'the version that readers had until then; empty for none',
    as_of DateTime64(3, 'Asia/Shanghai') COMMENT 'it knows what happened before this',
    since DateTime64(3, 'Asia/Shanghai') COMMENT 'and from this on',
    snapshot String COMMENT 'SHA-256 of what it learnt from: the same rows give the same text',
    watches UInt64 COMMENT 'viewer and drama, one each, that it learnt from',
    pairs UInt64 COMMENT 'pairs of dramas that the same viewers watched',
    viewers UInt64 COMMENT 'viewers with a list',
    dramas UInt64 COMMENT 'dramas that somebody watched',
    lists UInt64 COMMENT 'dramas with a list of what was also watched',
    bytes UInt64 COMMENT 'of all lists in Redis',
    seconds Map(LowCardinality(String), Float64) COMMENT 'how long each step took',
    metrics Map(LowCardinality(String), Float64) COMMENT 'what it was worth, by name of the metric',
    weights String COMMENT 'JSON: every number of the configuration, the seed too',
    software Map(LowCardinality(String), String) COMMENT 'versions of what computed it'
)
ENGINE = ${ENGINE_PREFIX}MergeTree
ORDER BY at
TTL toDateTime(at) + INTERVAL 3 YEAR
COMMENT 'What became of each training of recommendations: one row a decision, published or not. Written by juliu train and juliu models rollback; the truth about what is served is Redis. Kept 3 years.'
