CREATE OR REPLACE VIEW drama_daily
(
    day Date COMMENT 'day of Asia/Shanghai',
    drama_id UInt64 COMMENT 'drama',
    impressions UInt64 COMMENT 'times that it was shown in a feed',
    clicks UInt64 COMMENT 'times that it was opened from a feed',
    starts UInt64 COMMENT 'first frames shown',
    ends UInt64 COMMENT 'playbacks that the client said were over',
    viewers UInt64 COMMENT 'different viewers with a playback; do not add up over days or dramas',
    views UInt64 COMMENT 'playbacks of at least 3 s of content, or all of a shorter episode',
    valid_plays UInt64 COMMENT 'playbacks of at least 7 s of content, or all of a shorter episode',
    long_plays UInt64 COMMENT 'playbacks of at least 18 s of content, or all of a shorter episode',
    completes UInt64 COMMENT 'playbacks of at least 95 % of the episode',
    content_ms UInt64 COMMENT 'milliseconds of episodes that were watched, each once a playback',
    wall_ms UInt64 COMMENT 'time that viewers spent watching',
    stall_ms UInt64 COMMENT 'time that the player stood still',
    likes_change Int64 COMMENT 'likes given less likes taken back',
    follows_change Int64 COMMENT 'followers won less followers lost',
    dislikes UInt64 COMMENT 'viewers who said that they are not interested',
    shares UInt64 COMMENT 'shares',
    unlocks Int64 COMMENT 'unlocks of its episodes and of the drama as a whole, less those that were refunded on this day'
)
AS
SELECT
    day, drama_id,
    sum(n_impressions) AS impressions, sum(n_clicks) AS clicks, sum(n_starts) AS starts, sum(n_ends) AS ends,
    sum(n_viewers) AS viewers, sum(n_views) AS views, sum(n_valid) AS valid_plays, sum(n_long) AS long_plays,
    sum(n_complete) AS completes, sum(content) AS content_ms, sum(wall) AS wall_ms, sum(stall) AS stall_ms,
    sum(n_likes) AS likes_change, sum(n_follows) AS follows_change, sum(n_dislikes) AS dislikes, sum(n_shares) AS shares,
    sum(n_unlocks) AS unlocks
FROM
(
    SELECT
        toDate(ts) AS day, drama_id,
        countIf(event_type = 'impression') AS n_impressions, countIf(event_type = 'clicked') AS n_clicks,
        countIf(event_type = 'play_started') AS n_starts, countIf(event_type = 'play_ended') AS n_ends,
        0 AS n_viewers, 0 AS n_views, 0 AS n_valid, 0 AS n_long, 0 AS n_complete, 0 AS content, 0 AS wall, 0 AS stall,
        0 AS n_likes, 0 AS n_follows, 0 AS n_dislikes, 0 AS n_shares,
        toInt64(countIf(event_type = 'unlocked')) - toInt64(countIf(event_type = 'refunded')) AS n_unlocks
    FROM events
    WHERE event_type IN ('impression', 'clicked', 'play_started', 'play_ended', 'unlocked', 'refunded')
        AND drama_id != 9007199254740991 -- the canary, domain/canary.py
    GROUP BY day, drama_id
    UNION ALL
    SELECT
        day, drama_id, 0, 0, 0, 0, uniqExact(user_id), countIf(is_view), countIf(is_valid), countIf(is_long),
        countIf(is_complete), sum(plays.watched_ms), sum(plays.wall_ms), sum(plays.stall_ms), 0, 0, 0, 0, 0
    FROM plays
    GROUP BY day, drama_id
    UNION ALL
    SELECT day, drama_id, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, likes_change, follows_change, dislikes, shares, 0
    FROM reactions_daily
)
GROUP BY day, drama_id
COMMENT 'One row a day (Asia/Shanghai) and drama with any event. Summed over all days its numbers are the counters that the app shows (the hot list is something else: it fades). A playback counts wholly on the day on which it began. The last 7 days can still grow, when phones that were offline send their events; what comes later is in late_events and not here.'
