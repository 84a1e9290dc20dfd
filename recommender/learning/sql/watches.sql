-- One row a viewer and drama with what its viewer did there before `as_of_ms`; disliked dramas are left out, and an index
-- of 0, which is no drama of the catalogue (the canary's: domain/canary.py).  Of everybody where `active_since_ms` is 0, else of
-- `active` viewers (active.sql).
-- `at_ms`: the latest of it.  `share`: episodes watched, each beside what is usual at its length (weights.py).  `seen`: a valid play, as the app counts it.
-- `skips`: quick skips (weights.py), where there was nothing else.  `unlocks`: episodes unlocked, less those refunded.
SELECT
    user_id, drama_index,
    toFloat32(sum(millionths) / 1e6) AS share,  -- of whole numbers: the same in whatever order they come
    toFloat32(sum(complete)) AS completes,
    toUInt8(max(parts.seen)) AS seen,
    toUInt8(max(parts.positive OR parts.liked)) AS positive,
    toUInt8(max(parts.liked)) AS liked,
    toUInt8(max(parts.followed)) AS followed,
    toFloat32(sum(parts.unlocked)) AS unlocks,
    toFloat32(if(max(proper), 0, sum(skipped))) AS skips,
    max(last_ms) AS at_ms
FROM
(
    -- an episode of which something was watched
    SELECT
        user_id, drama_index,
        max(watched_ms / duration_ms) AS watched,
        {share_usual:Array(Float64)}[1 + arrayCount(edge_ms -> max(duration_ms) >= edge_ms, {share_edges_ms:Array(UInt64)})] AS usual,
        round(1e6 * watched / (watched + usual)) AS millionths,
        max(watched_ms * 1000 >= duration_ms * {complete_permille:UInt32}) AS complete,
        max(watched_ms >= least({valid_ms:UInt32}, duration_ms)) AS seen,
        max(watched_ms >= least({long_ms:UInt32}, duration_ms)) AS positive,
        0 AS liked, 0 AS followed, 0 AS disliked, 0. AS unlocked,
        max(playbacks.proper) AS proper,
        countIf(ended AND NOT playbacks.proper) AS skipped,
        max(play_last_ms) AS last_ms
    FROM
    (
        WITH least(to_ms, events.duration_ms) AS end_ms
        SELECT
            user_id, drama_index, episode_no, session_id, play_id,
            max(events.duration_ms) AS duration_ms,
            intervalLengthSumIf(from_ms, end_ms, from_ms < end_ms) AS watched_ms,
            watched_ms >= {skip_ms:UInt32}
                OR maxIf(end_ms, from_ms < end_ms) * 1000 >= duration_ms * {complete_permille:UInt32} AS proper,
            max(event_type = 'play_ended') AS ended,
            toUnixTimestamp64Milli(max(ts)) AS play_last_ms
        FROM events
        WHERE event_type IN ('heartbeat', 'play_ended') AND drama_index > 0
          AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64}) AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
          AND ({active_since_ms:Int64} = 0 OR user_id IN active)
        GROUP BY user_id, drama_index, episode_no, session_id, play_id
        HAVING watched_ms > 0
    ) AS playbacks
    GROUP BY user_id, drama_index, episode_no

    UNION ALL

    -- how each reaction stands
    SELECT
        user_id, drama_index, 0 AS watched, 0 AS usual, 0 AS millionths, 0 AS complete, 0 AS seen, 0 AS positive,
        kind = 'like' AS liked, kind = 'follow' AS followed, kind = 'dislike' AS disliked,
        multiIf(kind != 'unlock', 0., episode_no = 0, {unlock_whole:Float64}, 1.) AS unlocked,
        0 AS proper, 0 AS skipped, last_ms
    FROM
    (
        SELECT
            user_id, drama_index, episode_no,
            multiIf(event_type IN ('liked', 'unliked'), 'like', event_type = 'disliked', 'dislike',
                event_type IN ('unlocked', 'refunded'), 'unlock', 'follow') AS kind,
            argMax(event_type IN ('liked', 'followed', 'disliked', 'unlocked'), (ts, session_id, seq)) AS stands,
            toUnixTimestamp64Milli(max(ts)) AS last_ms
        FROM events
        WHERE event_type IN ('liked', 'unliked', 'followed', 'unfollowed', 'disliked', 'unlocked', 'refunded')
          AND drama_index > 0
          AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64}) AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
          AND ({active_since_ms:Int64} = 0 OR user_id IN active)
        GROUP BY user_id, drama_index, episode_no, kind
    )
    WHERE stands
) AS parts
GROUP BY user_id, drama_index
HAVING max(disliked) = 0
ORDER BY user_id, at_ms DESC, drama_index
LIMIT {dramas_a_viewer:UInt32} BY user_id
