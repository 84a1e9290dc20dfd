CREATE OR REPLACE VIEW user_daily
(
    day Date COMMENT 'day of Asia/Shanghai',
    user_id UInt64 COMMENT 'viewer',
    sessions UInt64 COMMENT 'sessions with an event on this day; one over midnight counts on both',
    first_at DateTime64(3, 'Asia/Shanghai') COMMENT 'first event of the day',
    last_at DateTime64(3, 'Asia/Shanghai') COMMENT 'last event of the day',
    impressions UInt64 COMMENT 'dramas shown to the viewer, each time',
    clicks UInt64 COMMENT 'dramas opened from a feed',
    views UInt64 COMMENT 'playbacks of at least 3 s of content, or all of a shorter episode',
    valid_plays UInt64 COMMENT 'playbacks of at least 7 s of content, or all of a shorter episode',
    completes UInt64 COMMENT 'playbacks of at least 95 % of the episode',
    dramas UInt64 COMMENT 'different dramas with a playback; do not add up over days',
    episodes UInt64 COMMENT 'different episodes with a playback; do not add up over days',
    content_ms UInt64 COMMENT 'milliseconds of episodes that were watched, each once a playback',
    wall_ms UInt64 COMMENT 'time spent watching',
    reactions UInt64 COMMENT 'likes, follows, dislikes and shares sent, and those taken back',
    unlocks UInt64 COMMENT 'episodes and whole dramas unlocked; a refund takes nothing off'
)
AS
SELECT
    day, user_id, sum(n_sessions) AS sessions,
    min(at_first) AS first_at, max(at_last) AS last_at,
    sum(n_impressions) AS impressions, sum(n_clicks) AS clicks, sum(n_views) AS views, sum(n_valid) AS valid_plays,
    sum(n_complete) AS completes, sum(n_dramas) AS dramas, sum(n_episodes) AS episodes, sum(content) AS content_ms,
    sum(wall) AS wall_ms, sum(n_reactions) AS reactions, sum(n_unlocks) AS unlocks
FROM
(
    SELECT
        toDate(ts) AS day, user_id, uniqExactIf(session_id, session_id != 'server') AS n_sessions, min(ts) AS at_first, max(ts) AS at_last,
        countIf(event_type = 'impression') AS n_impressions, countIf(event_type = 'clicked') AS n_clicks,
        0 AS n_views, 0 AS n_valid, 0 AS n_complete, 0 AS n_dramas, 0 AS n_episodes, 0 AS content, 0 AS wall,
        countIf(event_type IN ('liked', 'unliked', 'followed', 'unfollowed', 'disliked', 'shared')) AS n_reactions,
        countIf(event_type = 'unlocked') AS n_unlocks
    FROM events
    WHERE drama_id != 9007199254740991 -- the canary, domain/canary.py
        AND event_type != 'refunded' -- an operator's doing: it makes no viewer active
    GROUP BY day, user_id
    UNION ALL
    SELECT
        day, user_id, 0, min(plays.first_at), max(plays.first_at), 0, 0, countIf(is_view), countIf(is_valid),
        countIf(is_complete), uniqExact(drama_id), uniqExact(drama_id, episode_no), sum(plays.watched_ms),
        sum(plays.wall_ms), 0, 0
    FROM plays
    GROUP BY day, user_id
)
GROUP BY day, user_id
COMMENT 'One row a day (Asia/Shanghai) and viewer with any event: count() by day is the number of daily active viewers. A playback counts wholly on the day on which it began. The last 7 days can still grow, when phones that were offline send their events; what comes later is in late_events and not here.'
