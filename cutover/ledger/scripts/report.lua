-- Rule 7: an edge that has promised this generation tells what its journal
-- holds. What follows from the reports is decided outside and applied by
-- recover.lua, which sees that nothing was added meanwhile.
--
-- ARGV  1, 2 the generation promised  3 edge  4 the report  5 head of the
--       store's journal as the edge last saw it  6 the revision it has prepared
--       ('' for none)  7 its number  8 the latest that the edge's clock may have
--       been, in us, by which it has answered ('' when it knows no time)

local refused = standing(true) or damage()
if refused then return refused end
if not begun then return answer(get('generation') == '' and 'empty' or 'unrecovered') end
if ARGV[1] ~= state.generation or ARGV[2] ~= state.nonce then return answer('generation') end
local edge, prepared = ARGV[3], ARGV[6]
if recovered then
  -- Recovery did not wait for this edge, so it is a joiner, and no member had the
  -- joiner's revision prepared: they have promised this generation since, and
  -- never will. What is neither committed nor pending here is aborted.
  local meta = meta_of(get('committed'))
  local behind = meta and prepared ~= '' and tonumber(ARGV[7]) <= tonumber(meta.number) and has(meta.members, edge)
  if prepared ~= '' and prepared ~= get('committed') and prepared ~= get('pending') and not is_off(edge) and not behind
      and call('HEXISTS', K.aborted, prepared) == 0 then
    journal('aborted', {'revision', prepared, 'who', edge, 'because', 'report', 'reason', 'left behind'})
    mark_aborted(prepared, ARGV[7], 'left behind')
    save()
  end
  return answer('ok', 'repeated', '1')
end
if call('HGET', K.reports, edge) == ARGV[4] then return answer('ok', 'repeated', '1') end
if call('HEXISTS', K.reports, edge) == 0 and call('HLEN', K.reports) >= MOST_REPORTS then return answer('full', 'what', 'reports', 'most', MOST_REPORTS) end
journal('reported', {'edge', edge, 'head', ARGV[5], 'report', ARGV[4]})
call('HSET', K.reports, edge, ARGV[4])
if ARGV[8] ~= '' and tonumber(ARGV[8]) > (tonumber(get('shown')) or 0) then set('shown', ARGV[8]) end
evidence()
save()
return answer('ok')
