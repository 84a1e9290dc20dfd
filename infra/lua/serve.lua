-- Serve a page: of the candidates, in order, the first that the viewer does not dislike and that no other page has taken
-- since they were chosen; they are noted as served, and the page is kept, so that it can be answered again.
-- KEYS: the bitmap of what was served, the viewer's hash, the last two pages.
-- ARGV: how many, the bitmap's life in seconds, the pages' life, the page's name, its request id, 1 where it goes on with
--       what was taken before (else 0), the round that look.lua told, the bitmap of what was served that it told (may
--       be empty where no candidate was served before), the candidates: dense index, 1 where it was served before (else
--       0), field of its dislike, field of its progress, drama id, what is told of it; all separated by spaces.
-- Answers {places of what was taken (from 0), their progress (false where there is none), indexes that were passed over,
--         how many of these other pages have taken, of each place how many candidates stood for it, the page as it is
--         kept where it was served already (else false):
--         then nothing else was done}.
-- Something that was served before begins a new round: what was served when look.lua looked is forgotten.  What was
-- taken since, for this page or for others, is of the new round: pages that are made at once have nothing in common.
-- Where somebody began one since the candidates were chosen, this page is of that round too.
local size, life, name = tonumber(ARGV[1]), ARGV[2], ARGV[4]
local round = redis.call('HGET', KEYS[3], 'round') or ARGV[7]
local begun = round ~= ARGV[7]
local more = ARGV[6] == '1'
local pages, ours = redis.call('HMGET', KEYS[3], 'now', 'before'), false
for n, slot in ipairs({'now', 'before'}) do
  if pages[n] and string.sub(pages[n], 1, #name + 1) == name .. ' ' then
    if not more then return {{}, {}, {}, 0, {}, pages[n]} end
    ours = slot
  end
end
local indexes, again, dislikes, progress, told, words, tries = {}, {}, {}, {}, {}, {}, {}
for index, before, dislike, place, id, said in string.gmatch(ARGV[9], '(%d+) ([01]) (%S+) (%S+) (%d+) (%S+)') do
  local n = #indexes + 1
  indexes[n], again[n], dislikes[n], progress[n] = index, before == '1' and not begun, dislike, place
  told[n], words[n] = id .. ' ' .. index .. ' ', said
end
if #indexes == 0 then return {{}, {}, {}, 0, {}, false} end
local places, fields, lines, passed, taken, anew = {}, {}, {}, {}, 0, false
local unwanted = redis.call('HMGET', KEYS[2], unpack(dislikes))
for n, register in ipairs(unwanted) do
  unwanted[n] = register and string.match(register, '^%-?%d+,%d+,(%d+)') == '1'
end
-- A place that chance may have given to any drama was as often given by chance as candidates stood for it: for each that
-- is disliked the next one has its place, and chance another go.  Those before and behind what chance put there count,
-- for what it took the place of stands behind it.
local function goes(n)
  if string.sub(words[n], 1, 7) ~= 'random:' then return 1 end
  local found = 1
  for _, step in ipairs({-1, 1}) do
    local at = n + step
    while unwanted[at] and string.sub(words[at], 1, 7) ~= 'random:' do found, at = found + 1, at + step end
  end
  return found
end
for n, disliked in ipairs(unwanted) do
  if #places == size then break end
  if disliked then
    passed[#passed + 1] = tonumber(indexes[n])
  elseif not again[n] and redis.call('GETBIT', KEYS[1], indexes[n]) == 1 then
    passed[#passed + 1], taken = tonumber(indexes[n]), taken + 1
  else
    places[#places + 1] = n - 1
    fields[#fields + 1] = progress[n]
    tries[#tries + 1] = goes(n)
    local chance = tries[#tries] > 1 and tonumber(string.match(words[n], '[^:]+$'))
    local kept = chance and string.gsub(words[n], '[^:]+$', string.format('%.17g', math.min(1, chance * tries[#tries])))
    lines[#lines + 1] = '\n' .. told[n] .. (kept or words[n])
    anew = anew or again[n]
  end
end
if #places == 0 then return {{}, {}, passed, taken, {}, false} end
if anew then
  local now, told_then, since = redis.call('GET', KEYS[1]) or '', ARGV[8], {}
  for at = 1, #now do
    local new = bit.band(string.byte(now, at), bit.bnot(string.byte(told_then, at) or 0))
    since[at] = string.char(new)
  end
  redis.call('SET', KEYS[1], table.concat(since))
  redis.call('HINCRBY', KEYS[3], 'round', 1)
elseif begun and ours then -- what this page had taken before that is of the new round, too
  for index in string.gmatch(redis.call('HGET', KEYS[3], ours), '\n%d+ (%d+)') do
    redis.call('SETBIT', KEYS[1], index, 1)
  end
end
for _, place in ipairs(places) do redis.call('SETBIT', KEYS[1], indexes[place + 1], 1) end
redis.call('EXPIRE', KEYS[1], life)
if ours then
  redis.call('HSET', KEYS[3], ours, redis.call('HGET', KEYS[3], ours) .. table.concat(lines))
else
  if pages[1] then redis.call('HSET', KEYS[3], 'before', pages[1]) end
  redis.call('HSET', KEYS[3], 'now', name .. ' ' .. ARGV[5] .. table.concat(lines))
end
redis.call('EXPIRE', KEYS[3], ARGV[3])
return {places, redis.call('HMGET', KEYS[2], unpack(fields)), passed, taken, tries, false}
