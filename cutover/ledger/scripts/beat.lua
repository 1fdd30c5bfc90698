-- Keeps an edge's heartbeat, or reads all of them. It says nothing about the
-- chain, so it works before recovery too.
--
-- ARGV  3 edge ('' to read)  4 bytes  5 a heartbeat this old (us) makes room

if life.role ~= 'master' then return answer('replica') end
local kind = kind_of(K.beats)
if kind ~= 'hash' and kind ~= 'none' then return answer('damaged', 'key', K.beats, 'problem', 'it is a ' .. kind .. ', not a hash') end
if ARGV[3] == '' then
  local text = answer('ok')
  text[#text + 1] = 'page'
  text[#text + 1] = call('HGETALL', K.beats)
  return text
end
if call('HLEN', K.beats) >= MOST_BEATS and call('HEXISTS', K.beats, ARGV[3]) == 0 then
  local flat, old = call('HGETALL', K.beats), {}
  for i = 1, #flat, 2 do
    if now - (tonumber(string.match(flat[i + 1], '^%d+')) or 0) > tonumber(ARGV[5]) then old[#old + 1] = flat[i] end
  end
  if #old == 0 then return answer('full', 'what', 'heartbeats', 'most', MOST_BEATS) end
  call('HDEL', K.beats, unpack(old))
end
call('HSET', K.beats, ARGV[3], whole(now) .. '\n' .. ARGV[4])
return answer('ok')
