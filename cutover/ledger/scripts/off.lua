-- Rule 5: the operator's word, or the edge's own, that an edge is really
-- stopped. It is never taken back, and works before recovery.
--
-- ARGV  3 edge  4 who  5 reason  6 since when it is stopped, by that word (us;
--       '' when nobody knows)  7 'leave' when it is the edge's own word: the last
--       live member stays on, to witness the joining of those after it

local refused = standing(true) or damage()
if refused then return refused end
-- Before a generation has begun, the entry would take a name that was used in
-- what a failover lost.
if not begun then return answer(get('generation') == '' and 'empty' or 'unrecovered') end
local edge, stopped = ARGV[3], ARGV[6]
if ARGV[7] == 'leave' then
  refused = standing()
  if refused then return refused end
  local meta = meta_of(get('committed'))
  if meta and has(meta.members, edge) and not live_but(edge) then return answer('member', 'edge', edge, 'problem', 'last') end
end
local was = call('HGET', K.off, edge)
-- The word may be completed, never changed.
local repeats = was and (stopped == '' or string.match(was, '^(%d*) ') ~= '')
if not was and call('HLEN', K.off) >= MOST_OFF then return answer('full', 'what', 'edges declared off', 'most', MOST_OFF) end
if not repeats then
  journal('declared_off', {'edge', edge, 'who', ARGV[4], 'reason', ARGV[5], 'stopped_at', stopped})
  call('HSET', K.off, edge, stopped .. ' ' .. whole(now) .. ' ' .. ARGV[4])
  count('off')
  evidence()
end
local pending, outcome = get('pending'), ''
if recovered and pending ~= '' and now < tonumber(get('deadline')) and #missing(meta_of(pending)) == 0 and witnessed() then
  commit(pending, 'declared_off')
  outcome = 'committed'
end
save()
return answer('ok', 'outcome', outcome)
