CREATE VIEW IF NOT EXISTS reactions_daily
(
    day Date COMMENT 'day of Asia/Shanghai on which the viewer reacted',
    drama_id UInt64 COMMENT 'drama',
    likes UInt64 COMMENT 'likes of its episodes that were given: a viewer and episode that had none',
    unlikes UInt64 COMMENT 'likes of its episodes that were taken back',
    follows UInt64 COMMENT 'viewers who began to follow it',
    unfollows UInt64 COMMENT 'viewers who no longer follow it',
    dislikes UInt64 COMMENT 'viewers who said for the first time that they are not interested',
    shares UInt64 COMMENT 'shares; each counts',
    likes_change Int64 COMMENT 'likes - unlikes; the sum over all days is the number of likes in the app',
    follows_change Int64 COMMENT 'follows - unfollows; the sum over all days is the number of followers in the app'
)
AS
WITH
    changes AS
    (
        SELECT
            toDate(ts) AS day, drama_id, kind,
            toInt8(is_on) - lagInFrame(toInt8(is_on), 1, toInt8(0)) OVER
                (PARTITION BY kind, user_id, drama_id, episode_no ORDER BY ts, session_id, seq
                 ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS change
        FROM
        (
            SELECT
                ts, user_id, session_id, seq, drama_id, episode_no,
                multiIf(event_type IN ('liked', 'unliked'), 'like', event_type = 'disliked', 'dislike', 'follow') AS kind,
                event_type IN ('liked', 'followed', 'disliked') AS is_on
            FROM events
            WHERE event_type IN ('liked', 'unliked', 'followed', 'unfollowed', 'disliked')
        )
    ),
    counted AS
    (
        SELECT day, drama_id, kind, change, toUInt64(1) AS n FROM changes WHERE change != 0
        UNION ALL
        SELECT toDate(ts) AS day, drama_id, 'share' AS kind, toInt16(1) AS change, count() AS n
        FROM events WHERE event_type = 'shared' GROUP BY day, drama_id
    )
SELECT
    day, drama_id,
    sumIf(n, kind = 'like' AND change > 0) AS likes,
    sumIf(n, kind = 'like' AND change < 0) AS unlikes,
    sumIf(n, kind = 'follow' AND change > 0) AS follows,
    sumIf(n, kind = 'follow' AND change < 0) AS unfollows,
    sumIf(n, kind = 'dislike') AS dislikes,
    sumIf(n, kind = 'share') AS shares,
    toInt64(likes) - toInt64(unlikes) AS likes_change,
    toInt64(follows) - toInt64(unfollows) AS follows_change
FROM counted
GROUP BY day, drama_id
COMMENT 'One row a day (Asia/Shanghai) and drama with at least one reaction. Counts what changed, as the app does: liking twice is one like, and of events that crossed on the way the later one (ts, session_id, seq) holds. Not here: reactions received over 7 days late, and what is older than the 13 months of events.'
