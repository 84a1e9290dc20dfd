-- What `exam_viewers` who watched something from `from_ms` to `to_ms` were shown then: a row a viewer and drama that was on the
-- screen or played.  `at_ms` and `session` (a hash): of the first positive playback, else of the first watch, else of the first
-- sight.  `new`: of which nothing had been watched since `since_ms`.
WITH viewers AS
(
    SELECT user_id
    FROM events
    WHERE event_type IN ('heartbeat', 'play_ended') AND drama_index > 0 AND from_ms < least(to_ms, duration_ms)
      AND ts >= fromUnixTimestamp64Milli({day_from_ms:Int64}) AND ts < fromUnixTimestamp64Milli({day_to_ms:Int64})
    GROUP BY user_id
    ORDER BY cityHash64(user_id), user_id
    LIMIT {exam_viewers:UInt64}
)
SELECT
    user_id, drama_index,
    argMin((began_ms, session_hash), (NOT long, watched_ms = 0, began_ms, session_hash)) AS first,
    first.1 AS at_ms,
    first.2 AS session,
    toUInt8(max(watched_ms > 0)) AS watched,
    toUInt8(max(long) OR sum(likes) > 0) AS positive,
    toUInt8((user_id, drama_index) NOT IN
    (
        SELECT user_id, drama_index
        FROM events
        WHERE event_type IN ('heartbeat', 'play_ended') AND drama_index > 0 AND from_ms < least(to_ms, duration_ms)
          AND ts >= fromUnixTimestamp64Milli({since_ms:Int64}) AND ts < fromUnixTimestamp64Milli({day_from_ms:Int64})
          AND user_id IN viewers
    )) AS new
FROM
(
    WITH least(to_ms, events.duration_ms) AS end_ms
    SELECT
        user_id, drama_index, reinterpretAsInt64(cityHash64(session_id)) AS session_hash, play_id,
        max(events.duration_ms) AS duration_ms,
        intervalLengthSumIf(from_ms, end_ms, from_ms < end_ms) AS watched_ms,
        watched_ms > 0 AND watched_ms >= least({long_ms:UInt32}, duration_ms) AS long,
        countIf(event_type = 'liked') - countIf(event_type = 'unliked') AS likes,
        toUnixTimestamp64Milli(min(ts)) AS began_ms
    FROM events
    WHERE event_type IN ('impression', 'play_started', 'heartbeat', 'play_ended', 'liked', 'unliked')
      AND drama_index > 0 AND user_id IN viewers
      AND ts >= fromUnixTimestamp64Milli({day_from_ms:Int64}) AND ts < fromUnixTimestamp64Milli({day_to_ms:Int64})
    GROUP BY user_id, drama_index, session_hash, play_id
)
GROUP BY user_id, drama_index
ORDER BY user_id, watched DESC, at_ms, drama_index
LIMIT {exam_dramas:UInt32} BY user_id
