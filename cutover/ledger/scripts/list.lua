-- Keeps one part of an immutable list of numbers, or reads it. The list's key
-- comes behind the others.
--
-- ARGV  3 'put', 'stat' or 'get'  4 part, from 0  5 text  6 parts in all
--       7 numbers in all

local refused = standing() or damage()
if refused then return refused end
local kind = kind_of(extra)
if kind ~= 'hash' and kind ~= 'none' then return answer('damaged', 'key', extra, 'problem', 'it is a ' .. kind .. ', not a hash') end
local parts = call('HGET', extra, 'parts')
local complete = parts and call('HLEN', extra) == tonumber(parts) + 2
if ARGV[3] == 'stat' then return answer('ok', 'complete', complete and '1' or '0', 'parts', parts or '') end
if ARGV[3] == 'get' then
  if not complete then return answer('unlisted') end
  return answer('ok', 'parts', parts, 'text', call('HGET', extra, ARGV[4]) or '')
end
if complete then return answer('ok', 'complete', '1') end
-- Two may bring the same list at once, but only in the same parts.
if parts and parts ~= ARGV[6] then call('DEL', extra) end
call('HSET', extra, 'parts', ARGV[6], 'count', ARGV[7], ARGV[4], ARGV[5])
call('PEXPIRE', extra, LIST_LINGERS)
return answer('ok', 'complete', call('HLEN', extra) == tonumber(ARGV[6]) + 2 and '1' or '0')
