-- Write what was merged, if nobody else has merged since it was read.
-- KEYS: cursors, counters, hot, trend.
-- ARGV: the cursors' stamp as read ('' for none), the new stamp, msgpack {cursors, counters, hot, trend}, each a flat list
--       of field (or member) and value; hot and trend may be false, which leaves them as they are.
-- Answers 1, or 0 when the stamp is another one (nothing changed).
if (redis.call('HGET', KEYS[1], 'stamp') or '') ~= ARGV[1] then return 0 end
local merged = cmsgpack.unpack(ARGV[3])
local function put(verb, key, flat, swapped)
  for i = 1, #flat, 2 do
    if swapped then redis.call(verb, key, flat[i + 1], flat[i]) else redis.call(verb, key, flat[i], flat[i + 1]) end
  end
end
put('HSET', KEYS[2], merged[2])
for i = 3, 4 do
  if merged[i] then
    redis.call('DEL', KEYS[i])
    put('ZADD', KEYS[i], merged[i], true)
  end
end
if #merged[1] > 0 then -- all of them; on the way there only the stamp moves
  redis.call('DEL', KEYS[1])
  put('HSET', KEYS[1], merged[1])
end
redis.call('HSET', KEYS[1], 'stamp', ARGV[2])
return 1
