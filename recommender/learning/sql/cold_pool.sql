-- One row a drama of `dramas` that anybody was shown since `recent_ms`: to how many `viewers`; `asked` of them were shown it
-- without regard to what they like (a targeted impression says more of the aim than of the drama), and so many of these
-- had a `valid` play of it.
SELECT
    drama_index,
    toUInt64(count()) AS viewers,
    toUInt64(countIf(by_chance)) AS asked,
    toUInt64(countIf(by_chance AND watched)) AS valid
FROM
(
    SELECT user_id, drama_index, max(shown) AS shown, max(chance) AS by_chance, max(played) AS watched
    FROM
    (
        SELECT user_id, drama_index, 1 AS shown, source IN ('cold', 'explore', 'random') AS chance, 0 AS played
        FROM events
        WHERE event_type = 'impression' AND drama_id IN {dramas:Array(UInt64)} AND drama_index > 0
          AND received_at >= fromUnixTimestamp64Milli({recent_ms:Int64})
          AND received_at < fromUnixTimestamp64Milli({as_of_ms:Int64})
          AND ts >= fromUnixTimestamp64Milli({recent_ms:Int64}) - INTERVAL 7 DAY

        UNION ALL

        SELECT user_id, drama_index, 0 AS shown, 0 AS chance, 1 AS played
        FROM events
        WHERE event_type IN ('heartbeat', 'play_ended') AND drama_id IN {dramas:Array(UInt64)} AND drama_index > 0
          AND from_ms < least(to_ms, events.duration_ms)  -- nothing past the end
          AND received_at >= fromUnixTimestamp64Milli({recent_ms:Int64})
          AND received_at < fromUnixTimestamp64Milli({as_of_ms:Int64})
          AND ts >= fromUnixTimestamp64Milli({recent_ms:Int64}) - INTERVAL 7 DAY
        GROUP BY user_id, drama_index, session_id, play_id
        HAVING intervalLengthSum(from_ms, least(to_ms, events.duration_ms)) >= least({valid_ms:UInt32}, max(events.duration_ms))
    )
    GROUP BY user_id, drama_index
    HAVING shown > 0
)
GROUP BY drama_index
ORDER BY drama_index
