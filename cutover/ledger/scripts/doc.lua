-- Documents that people and edges agree on: port orders, approvals, results of
-- rehearsals. One hash per kind, its key behind the others; a document is its
-- revision, a line feed and its bytes.
--
-- ARGV  3 'put', 'delete', 'get' or 'list'  4 id (of list: cursor)
--       5 expected revision ('' for any, 'absent'; of list: how many, about)
--       6 bytes  7 operation  8 its fingerprint  9.. an entry for the journal:
--       kind, then names and values

local refused = standing() or damage()
if refused then return refused end
local kind = kind_of(extra)
if kind ~= 'hash' and kind ~= 'none' then return answer('damaged', 'key', extra, 'problem', 'it is a ' .. kind .. ', not a hash') end
local verb, id, expect = ARGV[3], ARGV[4], ARGV[5]
if verb == 'list' then
  local page = call('HSCAN', extra, id, 'COUNT', expect)
  local text = answer('ok', 'cursor', page[1])
  text[#text + 1] = 'page'
  text[#text + 1] = page[2]
  return text
end
local had = call('HGET', extra, id)
local before = had and string.match(had, '^(%d+)\n') or '0'
if verb == 'get' then
  if not had then return answer('absent') end
  return answer('ok', 'revision', before, 'text', string.sub(had, #before + 2))
end
local first = repeated(ARGV[7], ARGV[8])
if first then return first end
if expect ~= '' and (expect == 'absent' and had or expect ~= 'absent' and expect ~= before) then
  return answer('conflict', 'revision', before)
end
if verb == 'delete' and not had then return answer('absent') end
local revision = whole(math.max(tonumber(before) + 1, now))
if ARGV[9] and ARGV[9] ~= '' then
  local entry = {}
  for i = 10, #ARGV do entry[#entry + 1] = ARGV[i] end
  journal(ARGV[9], entry)
end
if verb == 'put' then
  call('HSET', extra, id, revision .. '\n' .. ARGV[6])
else
  call('HDEL', extra, id)
end
remember(ARGV[7], ARGV[8], 'revision', revision)
save()
return answer('ok', 'revision', revision)
