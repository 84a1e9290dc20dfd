CREATE TABLE IF NOT EXISTS media_orders
(
    at DateTime64(3, 'Asia/Shanghai') COMMENT 'when it was done' CODEC(Delta, ZSTD(1)),
    record_id String COMMENT 'the same for every copy of one order; two rows that share it are one',
    what LowCardinality(String) COMMENT 'submit: a file is to become an episode; retry; cancel; put: papers of a drama were handed in or mended; tick: somebody saw the record number in the opening; publish: a drama goes to the audit of the platform; replace: an episode of a drama that plays gets another file; poster: a picture was chosen',
    surface LowCardinality(String) COMMENT 'api: a tool of the staff; cli: a terminal',
    who String COMMENT 'user id of the staff at the api; at a terminal the name that was told, else cli',
    job_id UInt64 COMMENT 'job that it began or changed; 0: none',
    drama_id UInt64 COMMENT 'drama',
    episode_no UInt32 COMMENT 'episode of the drama, from 1; 0 for the whole drama',
    detail String COMMENT 'submit: key of the file; put and tick: record number; replace: number of the new file at the platform; poster: rendition/candidate',
    log_offset UInt64 COMMENT 'where the record lies in juliu.media'
)
ENGINE = ${ENGINE_PREFIX}ReplacingMergeTree
ORDER BY (drama_id, episode_no, record_id)
COMMENT 'One row an order about media jobs that was carried out: who, what, when, from where. What was refused, or was so already, has none. Written by the store worker from juliu.media. A record may come twice: ask with FINAL. Not split by month and kept for ever: there are a few rows an episode.'
