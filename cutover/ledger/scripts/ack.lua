-- Rule 3: an edge has the pending revision journaled and in force; the last one
-- commits it.
--
-- ARGV  3 edge  4 revision

local refused = standing() or damage()
if refused then return refused end
local edge, id = ARGV[3], ARGV[4]
if get('committed') == id then return answer('ok', 'outcome', 'committed') end
if call('HEXISTS', K.aborted, id) == 1 then return answer('aborted', 'why', call('HGET', K.aborted, id)) end
if get('pending') ~= id then
  if call('HEXISTS', K.bodies, id) == 1 then return answer('ok', 'outcome', 'committed') end -- and others since
  return answer('unknown')
end
local meta = meta_of(id)
if not has(meta.members, edge) then return answer('member', 'edge', edge, 'problem', 'stranger') end
if is_off(edge) then return answer('member', 'edge', edge, 'problem', 'off') end
if call('HEXISTS', K.acks, edge) == 1 then return answer('ok', 'outcome', 'pending', 'waiting', lines(missing(meta))) end
if now >= tonumber(get('deadline')) then return answer('too_late', 'deadline', get('deadline')) end

journal('acknowledged', {'revision', id, 'edge', edge})
call('HSET', K.acks, edge, whole(now))
local waiting = missing(meta)
local outcome = 'pending'
if #waiting == 0 and witnessed() then
  commit(id, 'unanimous')
  outcome = 'committed'
end
save()
return answer('ok', 'outcome', outcome, 'waiting', lines(waiting))
