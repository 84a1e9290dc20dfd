-- How long and how much each drama was shown before `as_of_ms`, by what the server received (a device's clock may lie).
-- `before`: viewers (about) up to `recent_ms`; `first_ms`: its first impression since then, 0: none; `last_hour`: impressions.
SELECT
    drama_index,
    toUInt64(uniqHLL12If(user_id, received_at < fromUnixTimestamp64Milli({recent_ms:Int64}))) AS before,
    toInt64(minIf(toUnixTimestamp64Milli(received_at), received_at >= fromUnixTimestamp64Milli({recent_ms:Int64}))) AS first_ms,
    toUInt64(countIf(received_at >= fromUnixTimestamp64Milli({as_of_ms:Int64}) - INTERVAL 1 HOUR)) AS last_hour
FROM events
WHERE event_type = 'impression' AND drama_index > 0
  AND received_at < fromUnixTimestamp64Milli({as_of_ms:Int64})
  AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
GROUP BY drama_index
ORDER BY drama_index
