-- Appends an entry of the callers' own to the journal: who planned, linted,
-- approved, the first call on the new side.
--
-- ARGV  3 operation  4 its fingerprint  5 kind, then names and values

local refused = standing() or damage()
if refused then return refused end
local first = repeated(ARGV[3], ARGV[4])
if first then return first end
local entry = {}
for i = 6, #ARGV do entry[#entry + 1] = ARGV[i] end
journal(ARGV[5], entry)
remember(ARGV[3], ARGV[4], 'entry', get('journal_id'))
save()
return answer('ok', 'entry', get('journal_id'))
