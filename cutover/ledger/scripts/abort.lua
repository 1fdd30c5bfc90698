-- Rule 4, and the refusal of rule 3: what is pending is explicitly aborted.
--
-- ARGV  3 revision  4 who  5 reason  6 'operator' (any time), 'overdue' (only
--       past the deadline) or 'refuse' (who is a member that cannot prepare)

local refused = standing() or damage()
if refused then return refused end
local id, who, reason, right = ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if call('HEXISTS', K.aborted, id) == 1 then return answer('ok', 'repeated', '1', 'why', call('HGET', K.aborted, id)) end
if get('pending') ~= id then
  if call('HEXISTS', K.bodies, id) == 1 then return answer('committed') end
  return answer('unknown')
end
if right == 'overdue' and now < tonumber(get('deadline')) then return answer('too_early', 'deadline', get('deadline')) end
if right == 'refuse' then
  if not has(meta_of(id).members, who) then return answer('member', 'edge', who, 'problem', 'stranger') end
  if is_off(who) then return answer('member', 'edge', who, 'problem', 'off') end
  journal('refused', {'revision', id, 'edge', who, 'reason', reason})
end
journal('aborted', {'revision', id, 'who', who, 'because', right, 'reason', reason})
mark_aborted(id, get('pending_number'), right .. ' ' .. who .. ': ' .. reason)
no_pending()
forget(id)
save()
return answer('ok', 'why', call('HGET', K.aborted, id))
