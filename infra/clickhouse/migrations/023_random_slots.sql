CREATE VIEW IF NOT EXISTS random_slots
(
    day Date COMMENT 'day of Asia/Shanghai on which it was shown',
    user_id UInt64 COMMENT 'viewer',
    request_id String COMMENT 'answer of the feed',
    drama_id UInt64 COMMENT 'drama that chance put there',
    position UInt32 COMMENT 'place in that answer, from 0',
    arm LowCardinality(String) COMMENT 'arm of the experiment',
    propensity Float64 COMMENT 'chance with which this drama had this place, above 0',
    weight Float64 COMMENT '1 / propensity: how many such cases this one stands for',
    clicked Bool COMMENT 'the viewer opened it there'
)
AS
SELECT
    toDate(min(ts)) AS day, user_id, events.request_id AS request_id, drama_id,
    min(events.position) AS position, any(events.arm) AS arm, toFloat64(max(events.propensity)) AS propensity,
    1 / propensity AS weight, toBool(countIf(event_type = 'clicked') > 0) AS clicked
FROM events
WHERE event_type IN ('impression', 'clicked') AND events.source = 'random' AND events.propensity > 0
    AND events.request_id != ''
    AND drama_id != 9007199254740991 -- the canary, domain/canary.py
GROUP BY user_id, request_id, drama_id
HAVING countIf(event_type = 'impression') > 0
COMMENT 'One row for each place of a page that chance filled, whatever else was known (about 1 in 100), and that came to the screen. Only here is what viewers click not a consequence of what somebody chose to show them: sum(clicked * weight) / sum(weight) is the click rate of dramas shown by chance alone, while the rate of all impressions is that of what was recommended. A place seen twice is one row, a click without its impression none. What propensity says comes back from the client; nobody checked it. Before the column (migration 021) it is 0 and such impressions are not here.'
