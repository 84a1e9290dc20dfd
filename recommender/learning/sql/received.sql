-- Up to when events that were received since `active_since_ms` are there, as far as anybody can tell: the latest of each partition,
-- of which one may be behind the others; of the one that is furthest behind.  0 where there are none.
SELECT toUnixTimestamp64Milli(min(latest_at)) AS received_ms
FROM
(
    SELECT max(received_at) AS latest_at
    FROM events
    WHERE received_at >= fromUnixTimestamp64Milli({active_since_ms:Int64})
      AND ts >= fromUnixTimestamp64Milli({active_since_ms:Int64}) - INTERVAL 7 DAY
      AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64})
    GROUP BY partition
)
