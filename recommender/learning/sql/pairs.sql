-- Pairs of dramas that one viewer watched within a week, both ways, weighted and summed over viewers; a viewer counts once a
-- pair.  An index of 0 is no drama of the catalogue (the canary's: domain/canary.py).  Of each viewer the latest dramas, of each drama the strongest partners.
-- Of more than `pair_sessions` sessions with a drama those of the lowest hashes: whoever reads and in which order, the same, for each drama alike.
SELECT a, b, toFloat32(sum(weight)) AS weight
FROM
(
    SELECT
        one.1 AS a, other.1 AS b,
        one.2 * other.2 * if(hasAny(one.4, other.4), {pair_same_session:Float64}, {pair_same_week:Float64}) AS weight
    FROM
    (
        SELECT arrayJoin(kept) AS one, kept
        FROM
        (
            SELECT groupArray((drama_index, worth, last_ms, sessions)) AS kept
            FROM
            (
                SELECT
                    user_id, drama_index,
                    if(max(positive), {pair_positive:Float64}, {pair_short:Float64}) AS worth,
                    max(play_last_ms) AS last_ms,
                    arraySlice(arraySort(groupUniqArray(cityHash64(session_id))), 1, {pair_sessions:UInt32}) AS sessions
                FROM
                (
                    SELECT
                        user_id, drama_index, session_id, play_id,
                        intervalLengthSum(from_ms, least(to_ms, duration_ms)) AS watched_ms,
                        watched_ms >= least({long_ms:UInt32}, max(duration_ms)) AS positive,
                        toUnixTimestamp64Milli(max(ts)) AS play_last_ms
                    FROM events
                    WHERE event_type IN ('heartbeat', 'play_ended') AND drama_index > 0
                      AND from_ms < least(to_ms, duration_ms)  -- nothing past the end
                      AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64})
                      AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
                    GROUP BY user_id, drama_index, session_id, play_id
                    HAVING watched_ms > 0
                )
                GROUP BY user_id, drama_index
                ORDER BY user_id, last_ms DESC, drama_index
                LIMIT {pair_dramas:UInt32} BY user_id
            )
            GROUP BY user_id
        )
    )
    ARRAY JOIN kept AS other
    WHERE one.1 != other.1 AND abs(one.3 - other.3) <= {apart_ms:Int64}
)
GROUP BY a, b
ORDER BY a, weight DESC, b
LIMIT {pair_partners:UInt32} BY a
