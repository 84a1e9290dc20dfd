-- What the feed needs to know of a viewer before it makes a page, as of one moment.
-- KEYS: the bitmaps of what was seen and served, what is cooling, the dramas touched last, the viewer's hash, what was
--       unlocked of late, the last two pages, the namespace pointer.
-- ARGV: how many of the dramas touched last, the namespace of these keys.
-- Fields of the viewer's hash are spelled as in domain/state.py; the contract tests hold them to it.
-- Answers {seen, served, cooling, the dramas touched or unlocked last, the latest first, at most ARGV[1]; the two pages
--         and the round of serving; ids that stand in the pages and are disliked}.  Of each drama: id, when (ms),
--         progress, and 1 or 0 for a like of its last three episodes, follow, dislike, unlock.  What is not there is
--         false.  False alone where another namespace is in use: what is left of this one is being removed.
local call, match = redis.call, string.match -- faster
local function on(register)
  return register and match(register, '^%-?%d+,%d+,(%d+)') == '1'
end
if call('GET', KEYS[8]) ~= ARGV[2] then return false end
local most = tonumber(ARGV[1])
local recent = call('ZREVRANGE', KEYS[4], 0, most - 1, 'WITHSCORES')
local unlocked = call('ZREVRANGE', KEYS[6], 0, most - 1, 'WITHSCORES')
local bought, taken, last, fields = {}, {}, {}, {}
for at = 1, #unlocked, 2 do bought[unlocked[at]] = true end
local r, u = 1, 1
while #last < most and (recent[r] or unlocked[u]) do
  local id, ms
  if recent[r] and (not unlocked[u] or tonumber(recent[r + 1]) >= tonumber(unlocked[u + 1])) then
    id, ms, r = recent[r], recent[r + 1], r + 2
  else
    id, ms, u = unlocked[u], unlocked[u + 1], u + 2
  end
  if not taken[id] then
    taken[id] = true
    last[#last + 1] = {id, ms}
    local at = #fields
    fields[at + 1], fields[at + 2], fields[at + 3] = 'g' .. id, 'rf' .. id, 'rd' .. id
  end
end
local pages, shown = call('HMGET', KEYS[7], 'now', 'before', 'round'), {}
for n = 1, 2 do
  for id in string.gmatch(pages[n] or '', '\n(%d+)') do
    shown[#shown + 1], fields[#fields + 1] = id, 'rd' .. id
  end
end
-- Two reads, of all registers and then of the likes, whose episodes these tell: a read or two for each drama of both
-- lists made the script take 1.4 times as long.
local found, likes = #fields > 0 and call('HMGET', KEYS[5], unpack(fields)) or {}, {}
for n, drama in ipairs(last) do
  local progress = found[3 * n - 2]
  local episode = progress and tonumber(match(progress, '^%-?%d+,%d+,(%d+)') or 0) or 0
  for back = 0, progress and 2 or -1 do likes[#likes + 1] = 'rl' .. drama[1] .. '.' .. (episode - back) end
end
local reactions, like = #likes > 0 and call('HMGET', KEYS[5], unpack(likes)) or {}, 1
for n, drama in ipairs(last) do
  local progress, liked = found[3 * n - 2], false
  if progress then
    liked = on(reactions[like]) or on(reactions[like + 1]) or on(reactions[like + 2])
    like = like + 3
  end
  drama[3], drama[4], drama[5] = progress, liked and 1 or 0, on(found[3 * n - 1]) and 1 or 0
  drama[6], drama[7] = on(found[3 * n]) and 1 or 0, bought[drama[1]] and 1 or 0
end
local disliked = {}
for n, id in ipairs(shown) do
  if on(found[3 * #last + n]) then disliked[#disliked + 1] = id end
end
return {call('GET', KEYS[1]), call('GET', KEYS[2]), call('GET', KEYS[3]), last, pages, disliked}
