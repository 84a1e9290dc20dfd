-- Viewers of whom something that says what they like came in since `active_since_ms`, of too many the latest; nobody where that is 0.
-- What comes in is at most 7 days old (older: late_events), so that only days of then are read.
SELECT user_id
FROM events
WHERE event_type IN ('heartbeat', 'play_ended', 'liked', 'unliked', 'followed', 'unfollowed', 'disliked', 'unlocked', 'refunded')
  AND {active_since_ms:Int64} > 0
  AND received_at >= fromUnixTimestamp64Milli({active_since_ms:Int64})
  AND ts >= fromUnixTimestamp64Milli({active_since_ms:Int64}) - INTERVAL 7 DAY
  AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64})
GROUP BY user_id
ORDER BY max(received_at) DESC, user_id
LIMIT {active_viewers:UInt64}
