-- Read many fields of hashes with one argument and one answer.
-- KEYS: the hashes.  ARGV: msgpack list of {key, field ...}.  Answers a msgpack list of lists of values, false for none.
local out = {}
for i, need in ipairs(cmsgpack.unpack(ARGV[1])) do out[i] = redis.call('HMGET', unpack(need)) end
return cmsgpack.pack(out)
