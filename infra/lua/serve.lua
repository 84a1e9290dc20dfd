-- Serve a page: of the candidates, in order, the first that the viewer does not dislike and that no other page has taken
-- since they were chosen; they are noted as served.
-- KEYS: the bitmap of what was served, the viewer's hash.
-- ARGV: how many, the bitmap's life in seconds, the candidates: dense index, 1 where it was served before (else 0), field of
--       its dislike, field of its progress; all separated by spaces.
-- Answers {places of what was taken (from 0), their progress (false where there is none), indexes that were passed over}.
-- Something that was served before begins a new round: what else was served is forgotten.
local size, life = tonumber(ARGV[1]), ARGV[2]
local indexes, again, dislikes, progress = {}, {}, {}, {}
for index, before, dislike, place in string.gmatch(ARGV[3], '(%d+) ([01]) (%S+) (%S+)') do
  local n = #indexes + 1
  indexes[n], again[n], dislikes[n], progress[n] = index, before == '1', dislike, place
end
if #indexes == 0 then return {{}, {}, {}} end
local places, fields, passed, anew = {}, {}, {}, false
for n, register in ipairs(redis.call('HMGET', KEYS[2], unpack(dislikes))) do
  if #places == size then break end
  local disliked = register and string.match(register, '^%-?%d+,%d+,(%d+)') == '1'
  if disliked or not again[n] and redis.call('GETBIT', KEYS[1], indexes[n]) == 1 then
    passed[#passed + 1] = tonumber(indexes[n])
  else
    places[#places + 1] = n - 1
    fields[#fields + 1] = progress[n]
    anew = anew or again[n]
  end
end
if #places == 0 then return {{}, {}, passed} end
if anew then redis.call('DEL', KEYS[1]) end
for _, place in ipairs(places) do redis.call('SETBIT', KEYS[1], indexes[place + 1], 1) end
redis.call('EXPIRE', KEYS[1], life)
return {places, redis.call('HMGET', KEYS[2], unpack(fields)), passed}
