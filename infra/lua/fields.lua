-- Read many fields of a hash, or scores of a sorted set, with one argument and one answer.
-- KEYS: the key.  ARGV: HMGET or ZMSCORE, msgpack list of fields or members.  Answers a msgpack list, false for none.
return cmsgpack.pack(redis.call(ARGV[1], KEYS[1], unpack(cmsgpack.unpack(ARGV[2]))))
