-- Takes entries out of the number -> cutover index that no live, proposed or
-- claiming cutover holds, some at a time; and claims that came to nothing.
--
-- ARGV  3 cursor  4 entries to look at, about  5 claims untouched for this long
--       (us) came to nothing

local refused = standing() or damage()
if refused then return refused end
local function lives(cutover) return call('HEXISTS', K.live, cutover) == 1 or call('HEXISTS', K.coming, cutover) == 1 end
local released = 0
if ARGV[3] == '0' then
  local claims = call('HGETALL', K.claims)
  for i = 1, #claims, 2 do
    local touched = tonumber(string.match(claims[i + 1], ' (%d+)$'))
    if not lives(claims[i]) and now - touched >= tonumber(ARGV[5]) then
      release(claims[i])
      released = released + 1
    end
  end
end
local held = {}
local function is_held(owner)
  if held[owner] == nil then
    local c, prefix = string.match(owner, '^([^/]*)/(.*)$')
    held[owner] = false
    for _, name in ipairs({'live', 'coming', 'claims'}) do
      if string.sub(call('HGET', K[name], c) or '', 1, 16) == prefix then held[owner] = true end
    end
  end
  return held[owner]
end
local page = call('HSCAN', K.numbers, ARGV[3], 'COUNT', ARGV[4])
local gone = {}
for i = 1, #page[2], 2 do
  if not is_held(page[2][i + 1]) then gone[#gone + 1] = page[2][i] end
end
for from = 1, #gone, 1000 do call('HDEL', K.numbers, unpack(gone, from, math.min(from + 999, #gone))) end
return answer('ok', 'cursor', page[1], 'swept', #gone, 'released', released)
