CREATE VIEW IF NOT EXISTS media_traffic
(
    day Date COMMENT 'day of Asia/Shanghai',
    drama_id UInt64 COMMENT 'drama',
    episode_no UInt32 COMMENT 'episode, from 1',
    cdn_minutes Float64 COMMENT 'minutes that were played by clients that are not the mini-program, by our CDN',
    platform_minutes Float64 COMMENT 'minutes that were played in the mini-program (platform weapp), by WeChat',
    cdn_gb Float64 COMMENT 'GB (of 1,000 MB) that cdn_minutes take in the largest rung; 0 where no media job made the episode',
    platform_gb Float64 COMMENT 'GB that platform_minutes take, by the size of the file that WeChat pulled',
    cdn_yuan Float64 COMMENT 'what cdn_gb cost',
    platform_yuan Float64 COMMENT 'what platform_gb cost; 0 where the price file has no price for it'
)
AS
WITH files AS
(
    SELECT
        drama_id, episode_no,
        argMaxIf(told.content_ms, at, told.content_ms > 0) AS length_ms,
        argMaxIf(cdn_play_bytes, at, cdn_play_bytes > 0) AS cdn_bytes,
        argMaxIf(platform_play_bytes, at, platform_play_bytes > 0) AS platform_bytes,
        argMaxIf(cdn_play_yuan, at, cdn_play_bytes > 0) AS cdn_play,
        argMaxIf(platform_play_yuan, at, platform_play_bytes > 0) AS platform_play
    FROM media_steps AS told FINAL
    WHERE outcome = 'done'
    GROUP BY drama_id, episode_no
)
SELECT
    played.day AS day, played.drama_id AS drama_id, played.episode_no AS episode_no,
    cdn_ms / 60000 AS cdn_minutes, platform_ms / 60000 AS platform_minutes,
    if(length_ms > 0, cdn_ms / length_ms, 0) * cdn_bytes / 1e9 AS cdn_gb,
    if(length_ms > 0, platform_ms / length_ms, 0) * platform_bytes / 1e9 AS platform_gb,
    if(length_ms > 0, cdn_ms / length_ms, 0) * toFloat64(cdn_play) AS cdn_yuan,
    if(length_ms > 0, platform_ms / length_ms, 0) * toFloat64(platform_play) AS platform_yuan
FROM
(
    SELECT
        toDate(ts) AS day, drama_id, episode_no,
        sumIf(greatest(toInt64(to_ms) - toInt64(from_ms), 0), platform != 'weapp') AS cdn_ms,
        sumIf(greatest(toInt64(to_ms) - toInt64(from_ms), 0), platform = 'weapp') AS platform_ms
    FROM events
    WHERE event_type IN ('heartbeat', 'play_ended')
        AND drama_id != 9007199254740991 -- the canary, domain/canary.py
    GROUP BY day, drama_id, episode_no
) AS played
LEFT JOIN files ON files.drama_id = played.drama_id AND files.episode_no = played.episode_no
WHERE cdn_ms + platform_ms > 0
COMMENT 'One row a day and episode: what was played, and what its traffic comes to if everybody played the largest rung. An estimate to compare dramas with; bills are in the consoles of CDN and WeChat. Name the days that you ask for: WHERE day BETWEEN.'
