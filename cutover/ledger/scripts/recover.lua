-- Rule 7: applies what was decided from the evidence, if that is still all the
-- evidence there is and the verdict still holds.
--
-- ARGV  3 evidence  4 the verdict holds before (us, '' for ever)  5 base: id
--       6 its body  7 its meta  8 {{id, number}, ...} to abort  9 {{edge,
--       stopped}, ...} that are off by their own journals  10 who says that this store has all there ever
--       was ('' for nobody)

local refused = standing(true) or damage()
if refused then return refused end
if not begun then return answer(get('generation') == '' and 'empty' or 'unrecovered') end
if ARGV[1] ~= state.generation or ARGV[2] ~= state.nonce then return answer('generation') end
if recovered then return answer('ok', 'repeated', '1') end
local before = instant(ARGV[4])
if get('evidence') ~= ARGV[3] or before and now >= before then return answer('again') end

local base = ARGV[5]
journal('recovered', {'base', base, 'was', get('committed'), 'reported', lines(call('HKEYS', K.reports)), 'store_head', get('began_head'), 'who', ARGV[10]})
for _, over in ipairs(cjson.decode(ARGV[9])) do
  local edge, stopped = over[1], over[2]
  if not is_off(edge) then
    journal('declared_off', {'edge', edge, 'who', edge, 'reason', 'its own journal', 'stopped_at', stopped})
    call('HSET', K.off, edge, stopped .. ' ' .. whole(now) .. ' ' .. edge)
  end
end
count('off')
for _, a in ipairs(cjson.decode(ARGV[8])) do
  if call('HEXISTS', K.aborted, a[1]) == 0 then
    journal('aborted', {'revision', a[1], 'who', '', 'because', 'recovery', 'reason', 'not everybody had it prepared'})
    mark_aborted(a[1], a[2], 'recovery')
  end
end
-- Where the base was aborted, or what it came after, it was by a store that was left behind.
for _, id in ipairs(base ~= '' and {base, cjson.decode(ARGV[7]).previous} or {}) do
  if call('HDEL', K.aborted, id) == 1 then
    call('LREM', K.aborted_order, 0, id)
    count('aborted')
  end
end
local pending = get('pending')
no_pending()
if base ~= '' and base ~= get('committed') then
  call('HSET', K.bodies, base, ARGV[6])
  call('HSET', K.metas, base, ARGV[7])
  commit(base, 'recovery')
end
if pending ~= '' and pending ~= base then forget(pending) end
set('adopted', ARGV[10] ~= '' and get('committed') ~= '' and not live_but('') and '1' or '')
set('recovered', '1')
call('DEL', K.reports)
recovered = true
save()
return answer('ok')
