-- Reads everything that a recovery is decided from.

local refused = standing(true) or damage()
if refused then return refused end
if recovered then return answer('ok', 'repeated', '1') end
if not begun then return answer(get('generation') == '' and 'empty' or 'unrecovered') end
local text = answer('ok', 'evidence', get('evidence'), 'pending', get('pending'),
  'committed_body', call('HGET', K.bodies, get('committed')) or '', 'pending_body', call('HGET', K.bodies, get('pending')) or '')
for _, name in ipairs({'aborted', 'off', 'reports'}) do
  text[#text + 1] = name
  text[#text + 1] = call('HGETALL', K[name])
end
return text
