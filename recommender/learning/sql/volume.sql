-- Viewers and dramas, one each, with something watched on each of the last `days` whole days (Asia/Shanghai) before `as_of_ms`;
-- `ago` 1 is the day before the one that it is in.  From some ten thousands a day on an estimate: a few in a thousand off, and the
-- same for the same rows.
WITH toDate(fromUnixTimestamp64Milli({as_of_ms:Int64}, 'Asia/Shanghai')) AS today
SELECT toUInt32(today - toDate(ts)) AS ago, uniq(user_id, drama_index) AS watches
FROM events
WHERE event_type IN ('heartbeat', 'play_ended') AND drama_index > 0 AND from_ms < least(to_ms, duration_ms)
  AND toDate(ts) < today AND toDate(ts) >= today - {days:UInt32}
GROUP BY ago
ORDER BY ago
