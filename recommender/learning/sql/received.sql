-- When the latest of the events that are there was received, of those since `active_since_ms`; 0 where there are none.
SELECT toUnixTimestamp64Milli(max(received_at)) AS received_ms
FROM events
WHERE received_at >= fromUnixTimestamp64Milli({active_since_ms:Int64})
  AND ts >= fromUnixTimestamp64Milli({active_since_ms:Int64}) - INTERVAL 7 DAY
  AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64})
