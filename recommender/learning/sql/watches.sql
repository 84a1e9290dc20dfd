-- One row a viewer and drama with what its viewer did there before `as_of_ms`; disliked dramas are left out, and an index
-- of 0, which is no drama of the catalogue (the canary's: domain/canary.py).
-- `at_ms`: the latest of it.  `share`: episodes watched, a half-watched one is half.  `seen`: a valid play, as the app counts it.
SELECT
    user_id, drama_index,
    toFloat32(sum(parts.share)) AS share,
    toFloat32(sum(complete)) AS completes,
    toUInt8(max(parts.seen)) AS seen,
    toUInt8(max(parts.positive OR parts.liked)) AS positive,
    toUInt8(max(parts.liked)) AS liked,
    toUInt8(max(parts.followed)) AS followed,
    max(last_ms) AS at_ms
FROM
(
    -- an episode of which something was watched
    SELECT
        user_id, drama_index,
        max(watched_ms / duration_ms) AS share,
        max(watched_ms * 1000 >= duration_ms * 950) AS complete,
        max(watched_ms >= least(7000, duration_ms)) AS seen,
        max(watched_ms >= least(18000, duration_ms)) AS positive,
        0 AS liked, 0 AS followed, 0 AS disliked,
        max(play_last_ms) AS last_ms
    FROM
    (
        SELECT
            user_id, drama_index, episode_no, session_id, play_id,
            max(events.duration_ms) AS duration_ms,
            intervalLengthSum(from_ms, least(to_ms, events.duration_ms)) AS watched_ms,
            toUnixTimestamp64Milli(max(ts)) AS play_last_ms
        FROM events
        WHERE event_type IN ('heartbeat', 'play_ended') AND drama_index > 0 AND to_ms > from_ms
          AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64}) AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
        GROUP BY user_id, drama_index, episode_no, session_id, play_id
        HAVING watched_ms > 0
    )
    GROUP BY user_id, drama_index, episode_no

    UNION ALL

    -- how each reaction stands
    SELECT
        user_id, drama_index, 0 AS share, 0 AS complete, 0 AS seen, 0 AS positive,
        kind = 'like' AND stands AS liked, kind = 'follow' AND stands AS followed, kind = 'dislike' AS disliked, last_ms
    FROM
    (
        SELECT
            user_id, drama_index, episode_no,
            multiIf(event_type IN ('liked', 'unliked'), 'like', event_type = 'disliked', 'dislike', 'follow') AS kind,
            argMax(event_type IN ('liked', 'followed'), (ts, session_id, seq)) AS stands,
            toUnixTimestamp64Milli(max(ts)) AS last_ms
        FROM events
        WHERE event_type IN ('liked', 'unliked', 'followed', 'unfollowed', 'disliked') AND drama_index > 0
          AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64}) AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
        GROUP BY user_id, drama_index, episode_no, kind
    )
    WHERE stands OR kind = 'dislike'
) AS parts
GROUP BY user_id, drama_index
HAVING max(disliked) = 0
ORDER BY user_id, at_ms DESC, drama_index
LIMIT {dramas_a_viewer:UInt32} BY user_id
