-- Dramas that were shown of late to a viewer who then did not play them; `times`: in so many answers of the feed.
-- Of everybody where `active_since_ms` is 0, else of `active` viewers (active.sql).
SELECT
    user_id, drama_index,
    toUInt32(uniqExactIf(request_id, event_type = 'impression')) AS times
FROM events
WHERE event_type IN ('impression', 'clicked', 'play_started', 'heartbeat', 'play_ended') AND drama_index > 0
  AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64}) AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
  AND ({active_since_ms:Int64} = 0 OR user_id IN active)
GROUP BY user_id, drama_index
HAVING times > 0 AND maxIf(ts, event_type != 'impression') < minIf(ts, event_type = 'impression')
ORDER BY user_id, max(ts) DESC, drama_index
LIMIT {ignored_dramas:UInt32} BY user_id
