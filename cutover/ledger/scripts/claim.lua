-- Reserves one part of a list for a cutover: the number -> cutover index. A
-- number that a live or proposed cutover has is refused; one that nobody else's
-- revision holds is taken over, and then the other's claim is whole no longer.
--
-- ARGV  3 cutover  4 list  5 part, from 0 and in order
--
-- A claim reads "list next-part count instant", next-part being "whole" at last;
-- an entry of the index reads "cutover/first 16 digits of the list".

local refused = standing() or damage()
if refused then return refused end
local cutover, list, part = ARGV[3], ARGV[4], tonumber(ARGV[5])
for _, name in ipairs({'live', 'coming'}) do
  local has_list = call('HGET', K[name], cutover)
  if has_list and has_list ~= list then return answer('relisted', 'cutover', cutover, 'list', has_list) end
end
local parts = tonumber(call('HGET', extra, 'parts') or '0')
if parts == 0 or call('HLEN', extra) ~= parts + 2 then return answer('unlisted') end
local claim = call('HGET', K.claims, cutover) or ''
local claimed_list, step = string.match(claim, '^(%x+) (%w+)')
if claimed_list ~= list then step = '0' end
if step == 'whole' then return answer('ok', 'next', parts, 'parts', parts, 'count', call('HGET', extra, 'count')) end
if tonumber(step) ~= part then return answer('ok', 'next', step, 'parts', parts) end

local mine = cutover .. '/' .. string.sub(list, 1, 16)
local numbers = split(call('HGET', extra, ARGV[5]))
local held, others = {}, {}
local function is_held(owner)
  if held[owner] == nil then
    local c, prefix = string.match(owner, '^([^/]*)/(.*)$')
    held[owner] = false
    for _, name in ipairs({'live', 'coming'}) do
      if string.sub(call('HGET', K[name], c) or '', 1, 16) == prefix then held[owner] = true end
    end
    if not held[owner] then others[#others + 1] = {c, prefix} end
  end
  return held[owner]
end
local overlap, first, owner_of_first = 0
for from = 1, #numbers, 1000 do
  local owners = call('HMGET', K.numbers, unpack(numbers, from, math.min(from + 999, #numbers)))
  for i, owner in ipairs(owners) do
    if owner and owner ~= mine and is_held(owner) then
      overlap = overlap + 1
      first, owner_of_first = first or numbers[from + i - 1], owner_of_first or owner
    end
  end
end
if overlap > 0 then
  return answer('overlap', 'number', first, 'other', string.match(owner_of_first, '^[^/]*'), 'count', overlap)
end

local next_part = part + 1 == parts and 'whole' or whole(part + 1)
call('HSET', K.claims, cutover, list .. ' ' .. next_part .. ' ' .. call('HGET', extra, 'count') .. ' ' .. whole(now))
local taken = {}
for _, other in ipairs(others) do
  local theirs = call('HGET', K.claims, other[1])
  if theirs and other[1] ~= cutover and string.sub(theirs, 1, 16) == other[2] then
    call('HDEL', K.claims, other[1])
    taken[#taken + 1] = other[1]
  end
end
for from = 1, #numbers, 1000 do
  local flat = {}
  for i = from, math.min(from + 999, #numbers) do
    flat[#flat + 1] = numbers[i]
    flat[#flat + 1] = mine
  end
  call('HSET', K.numbers, unpack(flat))
end
if next_part == 'whole' then call('PERSIST', extra) end
return answer('ok', 'next', part + 1, 'parts', parts, 'count', call('HGET', extra, 'count'), 'taken', lines(taken))
