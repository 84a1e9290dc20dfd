CREATE VIEW IF NOT EXISTS media_costs
(
    drama_id UInt64 COMMENT 'drama',
    episode_no UInt32 COMMENT 'episode, from 1; 0 for the audit of the whole drama',
    step LowCardinality(String) COMMENT 'step of the job',
    title String COMMENT 'title of the latest job',
    attempts UInt64 COMMENT 'attempts of all jobs, whatever became of them',
    failures UInt64 COMMENT 'of these, attempts that were not done',
    last_at DateTime64(3, 'Asia/Shanghai') COMMENT 'the latest of them',
    content_ms Int64 COMMENT 'length of the video; 0 where it is not known yet',
    waited_s Float64 COMMENT 'time before it was begun, all attempts',
    ran_s Float64 COMMENT 'time from begin to end, all attempts',
    cpu_s Float64 COMMENT 'CPU time on our machines, all attempts',
    cpu_s_a_minute Float64 COMMENT 'cpu_s for each minute of content; 0 where its length is not known',
    ci_minutes Float64 COMMENT 'minutes of content that CI wrote, all attempts and rungs',
    stored_gb Float64 COMMENT 'what the latest job that did the step left in our storage, of 1,024 MB',
    processing_yuan Float64 COMMENT 'for CI, all attempts',
    storage_yuan_month Float64 COMMENT 'for stored_gb, every month',
    cdn_yuan_1000_plays Float64 COMMENT 'for 1,000 whole plays by our CDN in the largest rung',
    platform_yuan_1000_plays Float64 COMMENT 'for 1,000 whole plays by WeChat',
    unpriced Array(LowCardinality(String)) COMMENT 'what had no price and is 0 in the yuan columns'
)
AS
WITH lengths AS
(
    SELECT drama_id, episode_no, argMax(told.content_ms, at) AS content_ms
    FROM media_steps AS told FINAL WHERE told.content_ms > 0 GROUP BY drama_id, episode_no
)
SELECT
    steps.drama_id AS drama_id, steps.episode_no AS episode_no, steps.step AS step,
    argMax(steps.title, steps.at) AS title,
    count() AS attempts, countIf(outcome != 'done') AS failures, max(steps.at) AS last_at,
    any(lengths.content_ms) AS content_ms,
    sum(waited_ms) / 1000 AS waited_s, sum(ran_ms) / 1000 AS ran_s, sum(cpu_ms) / 1000 AS cpu_s,
    if(content_ms = 0, 0, sum(cpu_ms) * 60 / content_ms) AS cpu_s_a_minute,
    sum(arraySum(mapValues(ci_ms))) / 60000 AS ci_minutes,
    argMaxIf(steps.stored_bytes, steps.at, outcome = 'done') / 1073741824 AS stored_gb,
    toFloat64(sum(steps.processing_yuan)) AS processing_yuan,
    toFloat64(argMaxIf(steps.storage_yuan_month, steps.at, outcome = 'done')) AS storage_yuan_month,
    1000 * toFloat64(argMaxIf(cdn_play_yuan, steps.at, outcome = 'done')) AS cdn_yuan_1000_plays,
    1000 * toFloat64(argMaxIf(platform_play_yuan, steps.at, outcome = 'done')) AS platform_yuan_1000_plays,
    arraySort(groupUniqArrayArray(steps.unpriced)) AS unpriced
FROM (SELECT * FROM media_steps FINAL) AS steps
LEFT JOIN lengths ON lengths.drama_id = steps.drama_id AND lengths.episode_no = steps.episode_no
GROUP BY steps.drama_id, steps.episode_no, steps.step
COMMENT 'One row a step of an episode: how much time, CPU and money it took. Sum over step for an episode, over episode_no for a drama. Yuan are of the price file (docs/media.md) as it was when each row was written. What plays have cost is in media_traffic.'
