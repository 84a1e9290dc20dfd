-- What the feed needs to know of a viewer before it makes a page, as of one moment.
-- KEYS: the bitmaps of what was seen and served, what is cooling, the dramas touched last, the viewer's hash, what was
--       unlocked of late, the last two pages, the namespace pointer.
-- ARGV: how many of the dramas touched last, the namespace of these keys.
-- Fields of the viewer's hash are spelled as in domain/state.py; the contract tests hold them to it.
-- Answers {seen, served, cooling, the dramas touched last and when (id, ms, ...), those unlocked of late (the same), for
--         each drama of both lists in order: progress, likes of its last three episodes, follow and dislike; the two
--         pages and the round of serving; ids that stand in the pages and are disliked}.  What is not there is false.
--         False alone where another namespace is in use: what is left of this one is being removed.
local function on(register)
  return register and string.match(register, '^%-?%d+,%d+,(%d+)') == '1'
end
if redis.call('GET', KEYS[8]) ~= ARGV[2] then return false end
local recent = redis.call('ZREVRANGE', KEYS[4], 0, ARGV[1] - 1, 'WITHSCORES')
local unlocked = redis.call('ZREVRANGE', KEYS[6], 0, ARGV[1] - 1, 'WITHSCORES')
local traces = {}
local function trace(list)
  for at = 1, #list, 2 do
    local id = list[at]
    local found = redis.call('HMGET', KEYS[5], 'g' .. id, 'rf' .. id, 'rd' .. id)
    local liked = false
    if found[1] then
      local episode = tonumber(string.match(found[1], '^%-?%d+,%d+,(%d+)') or 0)
      local likes = redis.call('HMGET', KEYS[5], 'rl' .. id .. '.' .. episode,
        'rl' .. id .. '.' .. (episode - 1), 'rl' .. id .. '.' .. (episode - 2))
      liked = on(likes[1]) or on(likes[2]) or on(likes[3])
    end
    traces[#traces + 1] = {found[1], liked and 1 or 0, on(found[2]) and 1 or 0, on(found[3]) and 1 or 0}
  end
end
trace(recent)
trace(unlocked)
local pages, ids, fields = redis.call('HMGET', KEYS[7], 'now', 'before', 'round'), {}, {}
for n = 1, 2 do
  for id in string.gmatch(pages[n] or '', '\n(%d+)') do
    ids[#ids + 1], fields[#fields + 1] = id, 'rd' .. id
  end
end
local disliked = {}
if #ids > 0 then
  for n, register in ipairs(redis.call('HMGET', KEYS[5], unpack(fields))) do
    if on(register) then disliked[#disliked + 1] = ids[n] end
  end
end
return {redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), redis.call('GET', KEYS[3]), recent, unlocked, traces, pages,
  disliked}
