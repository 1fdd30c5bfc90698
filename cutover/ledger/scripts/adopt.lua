-- The operator's word that no member of the chain is left, their disks included,
-- and that what this store has is the chain: a joiner may go on from it.
--
-- ARGV  3 who

local refused = standing() or damage()
if refused then return refused end
if get('committed') == '' then return answer('empty') end
if live_but('') then return answer('alive') end
if get('adopted') == '1' then return answer('ok', 'repeated', '1') end
journal('adopted', {'revision', get('committed'), 'who', ARGV[3]})
set('adopted', '1')
save()
return answer('ok')
