-- Rule 6: begins a generation, unrecovered, over the one that stands here and in
-- the life of the server that the caller was asked in: on a store that changed,
-- or for an edge that has promised a higher one and may not speak to this.
--
-- ARGV  1, 2 the generation that stands  3 number of the new one  4 its nonce
--       5 life

local refused = standing(true) or damage()
if refused then return refused end
if begun and get('nonce') == ARGV[4] then return answer('ok', 'repeated', '1') end
if ARGV[1] ~= get('generation') or ARGV[2] ~= get('nonce') or ARGV[5] ~= life.replid then return answer('generation') end
if tonumber(ARGV[3]) <= tonumber(state.generation or '0') then return answer('generation') end
begin(tonumber(ARGV[3]), ARGV[4])
evidence()
save()
return answer('ok')
