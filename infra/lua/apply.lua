-- Apply one run once.
-- KEYS: fence, namespace pointer; all keys of the commands share their hash tag.
-- ARGV: expected fence, first, last, msgpack list of {verb, key, argument ...}, expected namespace.
-- Answers {1, last} when applied, {0, fence} when the fence is elsewhere (nothing changed).
-- Errors, nothing changed either: ELSEWHERE (another namespace is in use), NOFENCE, BROKEN, GAP, BAD.
-- Lua does not roll back: everything is checked before the first write, and while it writes the fence reads `broken <last>`,
-- so that a script that dies half-way has stopped its partition for good instead of being applied again.
-- A key of a wrong type is caught by that mark and not by TYPE, which would cost a quarter of all of Redis's time here.
--
-- Verbs:  HSET key field value ...      HDEL key field ...        HINCRBY key field integer ...   SET key value
--         ZINCRBY key member weight ... ZADD key member score ... ZADDGT key member score ...     ZTRIM key kept
--         SETBIT key index bit ...      EXPIRE key seconds
local MAX_ARGUMENTS = 7900 -- Lua unpacks at most 8,000 values
local MAX_BIT = 16777215   -- a bitmap by dense drama index stays below 2 MiB, whatever a record says
local MAX_STEP = 1e15      -- far from the end of 64 bits, however often it is added
local call, type, tonumber, unpack, floor, find = redis.call, type, tonumber, unpack, math.floor, string.find -- faster

local pointer = call('GET', KEYS[2])
local fence = call('GET', KEYS[1])
if pointer and pointer ~= ARGV[5] then return redis.error_reply('ELSEWHERE ' .. KEYS[2] .. ' is ' .. pointer) end
if not pointer or not fence then return redis.error_reply('NOFENCE ' .. KEYS[1]) end
if string.sub(fence, 1, 6) == 'broken' then return redis.error_reply('BROKEN ' .. KEYS[1] .. ' is ' .. fence) end
if fence ~= ARGV[1] then return {0, tonumber(fence)} end
if tonumber(ARGV[2]) ~= tonumber(fence) + 1 or tonumber(ARGV[3]) < tonumber(ARGV[2]) then
  return redis.error_reply('GAP fence ' .. fence .. ' run ' .. ARGV[2] .. '-' .. ARGV[3])
end

local function integer(x, low, high) return type(x) == 'number' and x == floor(x) and x >= low and x <= high end
local function texts(c)
  for i = 3, #c do
    local kind = type(c[i])
    if kind ~= 'string' and kind ~= 'number' then return false end
  end
  return true
end
local function pairs_of(c) return #c % 2 == 0 and texts(c) end
local function steps(c)
  for i = 4, #c, 2 do
    if not integer(c[i], -MAX_STEP, MAX_STEP) then return false end
  end
  return pairs_of(c)
end
local function finite(c)
  for i = 4, #c, 2 do
    local n = tonumber(c[i])
    if not n or n ~= n or n == math.huge or n == -math.huge then return false end
  end
  return pairs_of(c)
end
local function bits(c)
  for i = 3, #c, 2 do
    if not integer(c[i], 0, MAX_BIT) or (c[i + 1] ~= 0 and c[i + 1] ~= 1) then return false end
  end
  return true
end
local check = {
  HSET = pairs_of, HDEL = texts, HINCRBY = steps, ZINCRBY = finite, ZADD = finite, ZADDGT = finite, SETBIT = bits,
  ZTRIM = function(c) return #c == 3 and integer(c[3], 0, 1e9) end,
  SET = function(c) return #c == 3 and texts(c) end,
  EXPIRE = function(c) return #c == 3 and integer(c[3], 1, 1e10) end,
}
local commands = cmsgpack.unpack(ARGV[4])
local tag = string.match(KEYS[1], '{.-}')
for n = 1, #commands do
  local c = commands[n]
  local verb, key = c[1], c[2]
  local good = check[verb]
  if not good then return redis.error_reply('BAD verb ' .. tostring(verb)) end
  local at = type(key) == 'string' and find(key, tag, 1, true)
  if not at or at ~= find(key, '{', 1, true) or key == KEYS[1] or key == KEYS[2] then
    return redis.error_reply('BAD key ' .. tostring(key))
  end
  if #c < 3 or #c > MAX_ARGUMENTS or not good(c) then
    return redis.error_reply('BAD arguments of ' .. verb .. ' ' .. key)
  end
end

local function swapped(c)
  local out = {}
  for i = 3, #c, 2 do out[i - 2], out[i - 1] = c[i + 1], c[i] end
  return out
end
local write = {
  HINCRBY = function(c)
    for i = 3, #c, 2 do call('HINCRBY', c[2], c[i], c[i + 1]) end
  end,
  SETBIT = function(c)
    for i = 3, #c, 2 do call('SETBIT', c[2], c[i], c[i + 1]) end
  end,
  ZINCRBY = function(c)
    for i = 3, #c, 2 do call('ZINCRBY', c[2], c[i + 1], c[i]) end
  end,
  ZADD = function(c) call('ZADD', c[2], unpack(swapped(c))) end,
  ZADDGT = function(c) call('ZADD', c[2], 'GT', unpack(swapped(c))) end,
  ZTRIM = function(c) call('ZREMRANGEBYRANK', c[2], 0, -c[3] - 1) end,
}
call('SET', KEYS[1], 'broken ' .. ARGV[3])
for n = 1, #commands do
  local c = commands[n]
  local special = write[c[1]]
  if special then special(c) else call(unpack(c)) end
end
call('SET', KEYS[1], ARGV[3])
return {1, tonumber(ARGV[3])}
