CREATE VIEW IF NOT EXISTS late_reasons
(
    day Date COMMENT 'day of Asia/Shanghai on which the API took it',
    reason String COMMENT 'late: received more than 7 days after it happened; too_old: so far behind in its session that nobody can tell whether it was counted already',
    event_type String COMMENT 'type of the event, as in events',
    events UInt64 COMMENT 'different events; one that the client sent again counts once',
    records UInt64 COMMENT 'records of the log, those sent again too',
    viewers UInt64 COMMENT 'different viewers; do not add up over days, reasons or types',
    oldest_at DateTime64(3, 'Asia/Shanghai') COMMENT 'when the oldest of them happened'
)
AS
SELECT
    toDate(received_at) AS day, if(late_events.late, 'late', 'too_old') AS reason, late_events.event_type AS event_type,
    uniqExact((user_id, session_id, seq)) AS events, count() AS records, uniqExact(user_id) AS viewers,
    min(ts) AS oldest_at
FROM late_events
GROUP BY day, reason, event_type
COMMENT 'One row a day (Asia/Shanghai), reason and type of the events that were accepted and not counted. Those that an operator let count later (juliu late replay) stay here, and are in events too. Why other records were set aside is in juliu dead list.'
