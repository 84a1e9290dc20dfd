-- Dramas that a viewer does not want to see; of `active` viewers (active.sql).
SELECT user_id, drama_index
FROM events
WHERE event_type = 'disliked' AND drama_index > 0 AND user_id IN active
  AND ts < fromUnixTimestamp64Milli({as_of_ms:Int64}) AND ts >= fromUnixTimestamp64Milli({from_ms:Int64})
GROUP BY user_id, drama_index
ORDER BY user_id, max(ts) DESC, drama_index
LIMIT {dramas_a_viewer:UInt32} BY user_id
