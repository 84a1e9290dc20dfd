CREATE VIEW IF NOT EXISTS media_failures
(
    day Date COMMENT 'day of Asia/Shanghai',
    step LowCardinality(String) COMMENT 'step that failed',
    failure LowCardinality(String) COMMENT 'who must act: mend (people), again (time), give_up (nobody)',
    reason LowCardinality(String) COMMENT 'code of why',
    attempts UInt64 COMMENT 'attempts that ended so',
    ended UInt64 COMMENT 'of these, attempts that were the last of their step: it waits for a person',
    episodes UInt64 COMMENT 'different episodes (or whole dramas) that it happened to',
    share Float64 COMMENT 'attempts that ended so of all attempts at this step on this day',
    last_at DateTime64(3, 'Asia/Shanghai') COMMENT 'the latest one',
    last_job_id UInt64 COMMENT 'its job; juliu media show prints it',
    last_text String COMMENT 'what a person should do about the latest one'
)
AS
SELECT
    day, step, failure, reason, attempts, ended, episodes, attempts / all_attempts AS share, last_at, last_job_id, last_text
FROM
(
    SELECT
        toDate(at) AS day, step, failure, reason,
        count() AS attempts, countIf(outcome IN ('failed', 'rejected')) AS ended,
        uniqExact(drama_id, episode_no) AS episodes, max(at) AS last_at,
        argMax(job_id, at) AS last_job_id, argMax(text, at) AS last_text,
        sum(attempts) OVER (PARTITION BY day, step) AS all_attempts
    FROM media_steps FINAL
    WHERE outcome != 'cancelled'
    GROUP BY day, step, failure, reason
)
WHERE reason != ''
COMMENT 'One row a day, step and reason: what media jobs failed of, how often, and what to do. An attempt that failed and was put off counts, too. Cancelled ones do not.'
