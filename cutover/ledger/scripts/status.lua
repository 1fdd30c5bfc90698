-- Reads where the chain stands; the one script that also works on a store that
-- may not be believed, and says so.
--
-- ARGV  3 ids of bodies the caller has  4 ids it asks about: aborted, or in force
--       before others came (both one per line)

local refused = standing(true) or damage()
if refused then return refused end
local known = {}
for _, id in ipairs(split(ARGV[3])) do known[id] = true end
local function body(id)
  if id == '' or known[id] then return '' end
  return call('HGET', K.bodies, id) or ''
end

local aborted, asked, passed = call('LRANGE', K.aborted_order, -16, -1), {}, {}
for _, id in ipairs(aborted) do asked[id] = true end
for _, id in ipairs(split(ARGV[4])) do
  if not asked[id] and call('HEXISTS', K.aborted, id) == 1 then aborted[#aborted + 1] = id end
  if id ~= get('pending') and call('HEXISTS', K.bodies, id) == 1 then passed[#passed + 1] = id end
end

local pending = get('pending')
local waiting = {}
if pending ~= '' and recovered then
  local meta = meta_of(pending)
  if not meta then return answer('damaged', 'key', K.metas, 'problem', 'the pending revision is missing') end
  waiting = missing(meta)
end
local word = 'ok'
if get('generation') == '' then
  word = 'empty'
elseif not recovered then
  word = 'unrecovered'
end
return answer(word, 'committed_body', body(get('committed')), 'committed_at', get('committed_at'),
  'pending', pending, 'pending_number', get('pending_number'), 'pending_body', body(pending), 'differs', get('differs'),
  'proposed_at', get('proposed_at'), 'deadline', get('deadline'), 'proposer', get('proposer'),
  'acked', lines(call('HKEYS', K.acks)), 'waiting', lines(waiting),
  'aborted', lines(aborted), 'passed', lines(passed), 'off', lines(call('HKEYS', K.off)),
  'reported', lines(call('HKEYS', K.reports)), 'journal_id', get('journal_id'), 'journal_head', get('journal_head'))
