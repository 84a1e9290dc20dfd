CREATE TABLE IF NOT EXISTS media_steps
(
    at DateTime64(3, 'Asia/Shanghai') COMMENT 'when the attempt was over' CODEC(Delta, ZSTD(1)),
    record_id String COMMENT 'the same for every copy of one attempt; two rows that share it are one',
    job_id UInt64 COMMENT 'job; juliu media show prints it',
    kind LowCardinality(String) COMMENT 'episode: a file becomes playable; drama: the audit of a whole drama; replacement: another file for an audited episode',
    drama_id UInt64 COMMENT 'drama',
    episode_no UInt32 COMMENT 'episode of the drama, from 1; 0 for the whole drama',
    title String COMMENT 'title that the job was submitted under',
    step LowCardinality(String) COMMENT 'what was to be done: probe, check, ladder, store, cdn, mezzanine, pull, media_id; materials, submit, audit; replace',
    outcome LowCardinality(String) COMMENT 'done; again: it failed and was put off; failed: given up; rejected: people must mend the material or the account; cancelled',
    attempt UInt16 COMMENT 'how often the step had been begun, this time included',
    waited_ms Int64 COMMENT 'from when it could be begun until it was',
    ran_ms Int64 COMMENT 'from there to its end, also while another system worked on it',
    cpu_ms Int64 COMMENT 'CPU time on our machines',
    content_ms Int64 COMMENT 'length of the video; 0 where the step does not know it',
    failure LowCardinality(String) COMMENT 'who must act: mend (people), again (time), give_up (nobody); empty where it is done',
    reason LowCardinality(String) COMMENT 'code of why it failed; empty where it is done',
    text String COMMENT 'what a person should do',
    worker LowCardinality(String) COMMENT 'the worker that did it',
    ci_ms Map(LowCardinality(String), Int64) COMMENT 'content that Tencent CI wrote, in ms by rung; empty with the local engine',
    ci_snapshots Int64 COMMENT 'pictures that Tencent CI took',
    stored_bytes Int64 COMMENT 'what the step left in our storage',
    cdn_play_bytes Int64 COMMENT 'what a whole play takes from our CDN in the largest rung: an upper bound',
    platform_play_bytes Int64 COMMENT 'what a whole play takes from WeChat, taken from the file that it pulled: an upper bound',
    processing_yuan Decimal(18, 9) COMMENT 'for CI, once, at the prices of when the row was written',
    storage_yuan_month Decimal(18, 9) COMMENT 'for storage, every month that it stays there',
    cdn_play_yuan Decimal(18, 9) COMMENT 'for one whole play by our CDN',
    platform_play_yuan Decimal(18, 9) COMMENT 'for one whole play by WeChat',
    unpriced Array(LowCardinality(String)) COMMENT 'what was used and had no price: 0 in the yuan columns',
    log_offset UInt64 COMMENT 'where the record lies in juliu.media; the largest one says where reading goes on'
)
ENGINE = ${ENGINE_PREFIX}ReplacingMergeTree
ORDER BY (drama_id, episode_no, record_id)
COMMENT 'One row an attempt at a step of a media job that is over, whatever became of it. Written by the store worker from juliu.media. A record may come twice: ask with FINAL, as the views do. Not split by month and kept for ever: there are some ten rows an episode.'
