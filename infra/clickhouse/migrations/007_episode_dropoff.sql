CREATE VIEW IF NOT EXISTS episode_dropoff
(
    drama_id UInt64 COMMENT 'drama',
    episode_no UInt32 COMMENT 'episode, from 1',
    viewers UInt64 COMMENT 'different viewers with a view (3 s) of this episode',
    valid_viewers UInt64 COMMENT 'of these, viewers with a valid play (7 s)',
    completed_viewers UInt64 COMMENT 'of these, viewers who watched 95 % of it in one playback',
    next_viewers UInt64 COMMENT 'of these, viewers who also have a view of the next episode',
    complete_rate Float64 COMMENT 'completed_viewers / viewers',
    next_rate Float64 COMMENT 'next_viewers / viewers; 1 - next_rate is lost between this episode and the next',
    median_furthest_ms UInt64 COMMENT 'half of the viewers got further into the episode than this, in their best playback',
    duration_ms UInt64 COMMENT 'length of the episode'
)
AS
SELECT
    drama_id, episode_no,
    count() AS viewers, countIf(valid) AS valid_viewers, countIf(completed) AS completed_viewers,
    countIf(next_episode = episode_no + 1) AS next_viewers,
    completed_viewers / viewers AS complete_rate, next_viewers / viewers AS next_rate,
    toUInt64(quantileExact(furthest)) AS median_furthest_ms, max(duration) AS duration_ms
FROM
(
    SELECT
        drama_id, episode_no, valid, completed, furthest, duration,
        leadInFrame(episode_no, 1, toUInt32(0)) OVER
            (PARTITION BY drama_id, user_id ORDER BY episode_no ROWS BETWEEN CURRENT ROW AND 1 FOLLOWING) AS next_episode
    FROM
    (
        SELECT
            drama_id, user_id, episode_no, max(is_valid) AS valid, max(is_complete) AS completed,
            max(furthest_ms) AS furthest, max(plays.duration_ms) AS duration
        FROM plays
        WHERE is_view
        GROUP BY drama_id, user_id, episode_no
    )
)
GROUP BY drama_id, episode_no
COMMENT 'One row an episode that anybody viewed: how many viewers it kept and how many went on to the next. Over all time that is kept (13 months); for a span of days make the same of plays WHERE day BETWEEN. Viewers of the last days may still go on.'
