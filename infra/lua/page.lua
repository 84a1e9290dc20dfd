-- Read the fence and the numbers of some dramas, as of one moment, and the offset that last changed each drama.
-- KEYS: fence, namespace pointer, counters of the partition, its dirty set.
-- ARGV: expected namespace, msgpack list of fields, msgpack list of dramas.
-- Answers {fence, msgpack list of values, msgpack list of offsets}, false for none.  Errors: ELSEWHERE, NOFENCE, BROKEN.
local pointer = redis.call('GET', KEYS[2])
local fence = redis.call('GET', KEYS[1])
if pointer and pointer ~= ARGV[1] then return redis.error_reply('ELSEWHERE ' .. KEYS[2] .. ' is ' .. pointer) end
if not pointer or not fence then return redis.error_reply('NOFENCE ' .. KEYS[1]) end
if string.sub(fence, 1, 6) == 'broken' then return redis.error_reply('BROKEN ' .. KEYS[1] .. ' is ' .. fence) end
local values = redis.call('HMGET', KEYS[3], unpack(cmsgpack.unpack(ARGV[2])))
local offsets = redis.call('ZMSCORE', KEYS[4], unpack(cmsgpack.unpack(ARGV[3])))
return {tonumber(fence), cmsgpack.pack(values), cmsgpack.pack(offsets)}
