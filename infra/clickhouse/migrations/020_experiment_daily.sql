CREATE VIEW IF NOT EXISTS experiment_daily
(
    day Date COMMENT 'day of Asia/Shanghai',
    arm LowCardinality(String) COMMENT 'arm that the client sent with the impressions; nobody checked it',
    user_id UInt64 COMMENT 'viewer',
    impressions UInt64 COMMENT 'dramas shown to the viewer in this arm',
    clicks UInt64 COMMENT 'of them opened',
    valid_plays UInt64 COMMENT 'playbacks of the viewer on this day of at least 7 s, whatever led to them',
    content_ms UInt64 COMMENT 'milliseconds of episodes that the viewer watched on this day, whatever led to them',
    unlocks UInt64 COMMENT 'episodes and whole dramas that the viewer unlocked on this day'
)
AS
SELECT
    shown.day AS day, shown.arm AS arm, shown.user_id AS user_id, shown.impressions AS impressions, shown.clicks AS clicks,
    toUInt64(did.valid_plays) AS valid_plays, toUInt64(did.content_ms) AS content_ms, toUInt64(did.unlocks) AS unlocks
FROM
(
    SELECT
        toDate(ts) AS day, events.arm AS arm, user_id,
        countIf(event_type = 'impression') AS impressions, countIf(event_type = 'clicked') AS clicks
    FROM events
    WHERE event_type IN ('impression', 'clicked') AND events.arm != ''
        AND drama_id != 9007199254740991 -- the canary, domain/canary.py
    GROUP BY day, arm, user_id
    HAVING impressions > 0
) AS shown
LEFT JOIN user_daily AS did ON did.day = shown.day AND did.user_id = shown.user_id
COMMENT 'One row a day (Asia/Shanghai), viewer and arm that the client sent with an impression on this day. What the viewer did is all of the day, whatever led to it. Days without an impression are not here, whatever was watched on them, and a viewer with two arms on a day is here twice: do not compare arms by sums of this. juliu experiment compares them, by the arm that is dealt and all days from the first on. Reads every playback of the 13 months.'
