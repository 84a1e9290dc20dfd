-- Read the fence and what a run needs, as of one moment.
-- KEYS: fence, namespace pointer.  ARGV: msgpack list of {key, field ...}, expected namespace.
-- Answers {fence, msgpack list of lists of values}, false where there is no value.  Errors: ELSEWHERE, NOFENCE, BROKEN.
local pointer = redis.call('GET', KEYS[2])
local fence = redis.call('GET', KEYS[1])
if pointer and pointer ~= ARGV[2] then return redis.error_reply('ELSEWHERE ' .. KEYS[2] .. ' is ' .. pointer) end
if not pointer or not fence then return redis.error_reply('NOFENCE ' .. KEYS[1]) end
if string.sub(fence, 1, 6) == 'broken' then return redis.error_reply('BROKEN ' .. KEYS[1] .. ' is ' .. fence) end
local out = {}
for i, need in ipairs(cmsgpack.unpack(ARGV[1])) do out[i] = redis.call('HMGET', unpack(need)) end
return {tonumber(fence), cmsgpack.pack(out)}
