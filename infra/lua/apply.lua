-- Apply one run once.
-- KEYS: fence, namespace pointer; all keys of the commands share their hash tag.
-- ARGV: expected fence, first, last, msgpack list of {verb, key, argument ...}, expected namespace.
-- Answers {1, last} when applied, {0, fence} when the fence is elsewhere (nothing changed).
-- Errors, nothing changed either: MOVED (another namespace is in use), NOFENCE, BROKEN, GAP, BAD.
-- Lua does not roll back: everything is checked before the first write, and while it writes the fence reads `broken <last>`,
-- so that a script that dies half-way has stopped its partition for good instead of being applied again.
-- A key of a wrong type is caught by that mark and not by TYPE, which would cost a quarter of all of Redis's time here.
--
-- Verbs:  HSET key field value ...      HDEL key field ...        HINCRBY key field integer ...   SET key value
--         ZINCRBY key member weight ... ZADD key member score ... ZADDGT key member score ...     ZTRIM key kept
--         SETBIT key index bit ...      EXPIRE key seconds
local MAX_ARGUMENTS = 4000 -- Lua unpacks at most 8,000 values; a run has about 500 commands
local MAX_BIT = 16777215   -- a bitmap by dense drama index stays below 2 MiB, whatever a record says
local MAX_STEP = 1e15      -- far from the end of 64 bits, however often it is added

local pointer = redis.call('GET', KEYS[2])
local fence = redis.call('GET', KEYS[1])
if pointer and pointer ~= ARGV[5] then return redis.error_reply('MOVED ' .. KEYS[2] .. ' is ' .. pointer) end
if not pointer or not fence then return redis.error_reply('NOFENCE ' .. KEYS[1]) end
if string.sub(fence, 1, 6) == 'broken' then return redis.error_reply('BROKEN ' .. KEYS[1] .. ' is ' .. fence) end
if fence ~= ARGV[1] then return {0, tonumber(fence)} end
if tonumber(ARGV[2]) ~= tonumber(fence) + 1 or tonumber(ARGV[3]) < tonumber(ARGV[2]) then
  return redis.error_reply('GAP fence ' .. fence .. ' run ' .. ARGV[2] .. '-' .. ARGV[3])
end

local function text(x) return type(x) == 'string' or type(x) == 'number' end
local function finite(x)
  local n = tonumber(x)
  return n and n == n and n ~= math.huge and n ~= -math.huge
end
local function integer(x, low, high) return type(x) == 'number' and x == math.floor(x) and x >= low and x <= high end
local function every(c, from, step, ok)
  for i = from, #c, step do
    if not ok(c[i]) then return false end
  end
  return true
end
local function pairs_of(c, second) return #c % 2 == 0 and every(c, 3, 1, text) and every(c, 4, 2, second) end
local function step(x) return integer(x, -MAX_STEP, MAX_STEP) end
local function bit(x) return x == 0 or x == 1 end

local check = {
  HSET = function(c) return pairs_of(c, text) end,
  HDEL = function(c) return every(c, 3, 1, text) end,
  HINCRBY = function(c) return pairs_of(c, step) end,
  ZINCRBY = function(c) return pairs_of(c, finite) end,
  ZADD = function(c) return pairs_of(c, finite) end,
  ZADDGT = function(c) return pairs_of(c, finite) end,
  ZTRIM = function(c) return #c == 3 and integer(c[3], 0, 1e9) end,
  SETBIT = function(c)
    return pairs_of(c, bit) and every(c, 3, 2, function(x) return integer(x, 0, MAX_BIT) end)
  end,
  SET = function(c) return #c == 3 and text(c[3]) end,
  EXPIRE = function(c) return #c == 3 and integer(c[3], 1, 1e10) end,
}
local commands = cmsgpack.unpack(ARGV[4])
local tag = string.match(KEYS[1], '{.-}')
for _, c in ipairs(commands) do
  local verb, key = c[1], c[2]
  if not check[verb] then return redis.error_reply('BAD verb ' .. tostring(verb)) end
  if type(key) ~= 'string' or string.match(key, '{.-}') ~= tag or key == KEYS[1] or key == KEYS[2] then
    return redis.error_reply('BAD key ' .. tostring(key))
  end
  if #c < 3 or #c > MAX_ARGUMENTS or not check[verb](c) then
    return redis.error_reply('BAD arguments of ' .. verb .. ' ' .. key)
  end
end

local function each(c, verb, swapped)
  for i = 3, #c, 2 do
    if swapped then redis.call(verb, c[2], c[i + 1], c[i]) else redis.call(verb, c[2], c[i], c[i + 1]) end
  end
end
local write = {
  HINCRBY = function(c) each(c, 'HINCRBY') end,
  SETBIT = function(c) each(c, 'SETBIT') end,
  ZINCRBY = function(c) each(c, 'ZINCRBY', true) end,
  ZADD = function(c) each(c, 'ZADD', true) end,
  ZADDGT = function(c)
    for i = 3, #c, 2 do redis.call('ZADD', c[2], 'GT', c[i + 1], c[i]) end
  end,
  ZTRIM = function(c) redis.call('ZREMRANGEBYRANK', c[2], 0, -c[3] - 1) end,
}
redis.call('SET', KEYS[1], 'broken ' .. ARGV[3])
for _, c in ipairs(commands) do
  local special = write[c[1]]
  if special then special(c) else redis.call(unpack(c)) end
end
redis.call('SET', KEYS[1], ARGV[3])
return {1, tonumber(ARGV[3])}
