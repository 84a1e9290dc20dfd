-- Dramas that a viewer skipped twice within `cooling_ms`, the second time at most as long ago, and watched nothing more of since.
-- A skip as in watches.sql; of `active` viewers (active.sql).
SELECT user_id, drama_index
FROM
(
    SELECT
        user_id, drama_index,
        maxIf(play_last_ms, proper) AS proper_ms,
        arrayReverseSort(groupArrayIf(play_last_ms, skipped)) AS skips_ms
    FROM
    (
        WITH least(to_ms, events.duration_ms) AS end_ms
        SELECT
            user_id, drama_index, session_id, play_id,
            max(events.duration_ms) AS duration_ms,
            intervalLengthSumIf(from_ms, end_ms, from_ms < end_ms) AS watched_ms,
            watched_ms >= {skip_ms:UInt32}
                OR maxIf(end_ms, from_ms < end_ms) * 1000 >= duration_ms * {complete_permille:UInt32} AS proper,
            NOT proper AND max(event_type = 'play_ended') AS skipped,
            toUnixTimestamp64Milli(max(ts)) AS play_last_ms
        FROM events
        WHERE event_type IN ('heartbeat', 'play_ended') AND drama_index > 0 AND user_id IN active
          AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64}) AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
        GROUP BY user_id, drama_index, session_id, play_id
        HAVING watched_ms > 0
    )
    GROUP BY user_id, drama_index
)
WHERE skips_ms[2] > proper_ms AND skips_ms[1] - skips_ms[2] <= {cooling_ms:Int64} AND skips_ms[1] > {as_of_ms:Int64} - {cooling_ms:Int64}
ORDER BY user_id, skips_ms[1] DESC, drama_index
LIMIT {cooling_dramas:UInt32} BY user_id
