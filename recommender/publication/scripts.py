"""What Redis does in one step for the recommendations.  Keys of one script share the hash tag of the pointers."""

from __future__ import annotations

# KEYS lock, the count of all holders; ARGV who, its life in seconds.  Answers a number, 0 where it is taken.
LOCK = """
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
local number = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], number .. ' ' .. ARGV[1], 'EX', ARGV[2])
return number
"""
# KEYS lock; ARGV whose it must be, its life in seconds
RENEW = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('EXPIRE', KEYS[1], ARGV[2]) end return 0"
# KEYS lock; ARGV whose it must be
UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"

# KEYS current, previous, unread, lock; ARGV the version expected ("" = none), the new one, whose the lock must be
SWITCH = """
if (redis.call('GET', KEYS[4]) or '') ~= ARGV[3] then return 0 end
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[3], redis.call('GET', KEYS[2]) or '')
redis.call('SET', KEYS[2], ARGV[1])
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""
# KEYS current, previous; ARGV what they must be.  Who publishes meanwhile finds that out by SWITCH.
ROLL_BACK = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
if (redis.call('GET', KEYS[2]) or '') ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
redis.call('SET', KEYS[2], ARGV[1])
return 1
"""

# KEYS a block, which is in no slot with the lock; ARGV SHA-1 of what it must be, what it becomes.  Its life goes on.
REFOLD = """
local block = redis.call('GET', KEYS[1])
if not block or redis.sha1hex(block) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'KEEPTTL')
return 1
"""
# KEYS lock, the mark; ARGV whose the lock must be, what the mark becomes, its life in seconds
MARK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
return 1
"""
# KEYS lock, current, the lists, their successor, meta; ARGV whose the lock must be, the version, its new meta.
# Lists and meta live on as long as the meta would have.
RELIST = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] or redis.call('GET', KEYS[2]) ~= ARGV[2] then return 0 end
local life = redis.call('PTTL', KEYS[5])
if life <= 0 or redis.call('EXISTS', KEYS[4]) == 0 then return 0 end
redis.call('RENAME', KEYS[4], KEYS[3])
redis.call('PEXPIRE', KEYS[3], life)
redis.call('SET', KEYS[5], ARGV[3], 'KEEPTTL')
return 1
"""
