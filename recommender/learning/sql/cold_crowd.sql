-- The same `asked` and `valid` as cold_pool.sql of all dramas, which new ones are compared with: of at most `cold_sample` pairs of
-- viewer and drama, those of the lowest hashes.
WITH pairs AS
(
    SELECT user_id, drama_index
    FROM events
    WHERE event_type = 'impression' AND source IN ('cold', 'explore', 'random') AND drama_index > 0
      AND received_at >= fromUnixTimestamp64Milli({recent_ms:Int64})
      AND received_at < fromUnixTimestamp64Milli({as_of_ms:Int64})
      AND ts >= fromUnixTimestamp64Milli({recent_ms:Int64}) - INTERVAL 7 DAY
    GROUP BY user_id, drama_index
    ORDER BY cityHash64(user_id, drama_index), user_id, drama_index
    LIMIT {cold_sample:UInt32}
)
SELECT drama_index, toUInt64(sum(one)) AS asked, toUInt64(sum(played)) AS valid
FROM
(
    SELECT user_id, drama_index, 1 AS one, 0 AS played
    FROM pairs

    UNION ALL

    SELECT user_id, drama_index, 0 AS one, 1 AS played
    FROM
    (
        SELECT user_id, drama_index
        FROM events
        WHERE event_type IN ('heartbeat', 'play_ended') AND from_ms < least(to_ms, events.duration_ms)  -- nothing past the end
          AND (user_id, drama_index) IN pairs
          AND received_at >= fromUnixTimestamp64Milli({recent_ms:Int64})
          AND received_at < fromUnixTimestamp64Milli({as_of_ms:Int64})
          AND ts >= fromUnixTimestamp64Milli({recent_ms:Int64}) - INTERVAL 7 DAY
        GROUP BY user_id, drama_index, session_id, play_id
        HAVING intervalLengthSum(from_ms, least(to_ms, events.duration_ms)) >= least({valid_ms:UInt32}, max(events.duration_ms))
    )
    GROUP BY user_id, drama_index
)
GROUP BY drama_index
ORDER BY drama_index
