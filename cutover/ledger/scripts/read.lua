-- Reads entries of the journal, the oldest first. A journal may be read before
-- recovery: it is evidence, not an answer.
--
-- ARGV  3 first id ('-' for the oldest, '(id' for the next one)  4 how many

if life.role ~= 'master' then return answer('replica') end
local kind = kind_of(K.journal)
if kind ~= 'stream' and kind ~= 'none' then return answer('damaged', 'key', K.journal, 'problem', 'it is a ' .. kind .. ', not a stream') end
local text = answer('ok', 'journal_id', get('journal_id'), 'journal_head', get('journal_head'))
text[#text + 1] = 'page'
text[#text + 1] = call('XRANGE', K.journal, ARGV[3], '+', 'COUNT', ARGV[4])
return text
