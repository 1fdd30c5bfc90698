-- Appends to the stream that customer communications read.
--
-- ARGV  3 operation  4 its fingerprint  then names and values

local refused = standing() or damage()
if refused then return refused end
local first = repeated(ARGV[3], ARGV[4])
if first then return first end
local entry = {}
for i = 5, #ARGV do entry[#entry + 1] = ARGV[i] end
local id = call('XADD', K.events, 'MAXLEN', '~', MOST_EVENTS, '*', 'at', whole(now), unpack(entry))
remember(ARGV[3], ARGV[4], 'entry', id)
return answer('ok', 'entry', id)
