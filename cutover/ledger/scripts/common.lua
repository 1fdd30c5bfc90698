-- What every script of the chain begins with: which store is this, which life of
-- it, and does it know where the chain stands? A script is not rolled back, so
-- every refusal comes before the first write, and the first write is one that a
-- full or read-only store refuses.
--
-- KEYS  as in names; a script that works on one list or one kind of documents
--       gets that key behind them
-- ARGV  1 generation the caller believes in, its number ('' for any)  2 its nonce
--       the rest is the script's own
--
-- Answers one array: a word ('ok' or the refusal), then names and values.

local call, pcall = redis.call, redis.pcall
local names = {'state', 'bodies', 'metas', 'chain', 'acks', 'off', 'aborted', 'aborted_order', 'reports',
  'live', 'coming', 'claims', 'numbers', 'journal', 'answers', 'order', 'beats', 'events'}
local types = {state = 'hash', bodies = 'hash', metas = 'hash', chain = 'list', acks = 'hash', off = 'hash',
  aborted = 'hash', aborted_order = 'list', reports = 'hash', live = 'hash', coming = 'hash', claims = 'hash',
  numbers = 'hash', journal = 'stream', answers = 'hash', order = 'list', beats = 'hash', events = 'stream'}
local K = {}
for i, name in ipairs(names) do K[name] = KEYS[i] end
local extra = KEYS[#names + 1]

-- Bounds of what is kept, each far above what anybody still asks for.
local MOST_CHAIN, MOST_ABORTED, MOST_JOURNAL, MOST_EVENTS = 128, 65536, 1000000, 100000
local MOST_OFF, MOST_REPORTS, MOST_BEATS, MOST_ANSWERS = 10000, 1024, 1024, 8192
local LIST_LINGERS = 86400000 -- ms

-- Numbers in Lua are doubles: exact up to 2^53, which microseconds reach in 2255.
local function whole(n) return string.format('%.0f', n) end

local time = call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

-- Microseconds as they come from the caller; '' is never.
local function instant(text)
  if text == nil or text == '' then return nil end
  return tonumber(text)
end

-- life is which history this server continues. A store that does not know the
-- section, as those inside tests and demonstrations, is a master with one life.
local life = {role = 'master', replid = 'embedded', replicas = '0', master = ''}
local info = pcall('INFO', 'replication')
if type(info) == 'table' then
  if not string.find(info.err, 'not supported', 1, true) then call('INFO', 'replication') end
else
  life.role = string.match(info, 'role:(%w+)') or ''
  life.replid = string.match(info, 'master_replid:([%w-]+)') or ''
  life.replicas = string.match(info, 'connected_slaves:(%d+)') or '0'
  life.master = (string.match(info, 'master_host:([^\r\n]+)') or '') .. ':' .. (string.match(info, 'master_port:(%d+)') or '')
end

local state = {}
local function load()
  local flat = call('HGETALL', K.state)
  for i = 1, #flat, 2 do state[flat[i]] = flat[i + 1] end
end
load()
local function get(name) return state[name] or '' end
local changed = {}
local function set(name, value)
  state[name] = value
  changed[name] = value
end

-- begun: a generation was begun in this life of the server. Only then is the
-- generation number one that no lost tail has used before.
local begun = get('replid') == life.replid and get('generation') ~= ''
local recovered = begun and get('recovered') == '1'

local function answer(word, ...)
  local text = {word, 'now', whole(now), 'role', life.role, 'replid', life.replid, 'master', life.master, 'replicas', life.replicas,
    'generation', get('generation'), 'nonce', get('nonce'), 'changed', begun and '0' or '1', 'recovered', recovered and '1' or '0',
    'committed', get('committed'), 'committed_number', get('committed_number')}
  for _, v in ipairs({...}) do text[#text + 1] = v end
  return text
end

local function kind_of(key)
  local kind = call('TYPE', key)
  return kind.ok or kind
end

-- damage finds a key that someone else wrote, or took away.
local function damage()
  for _, name in ipairs(names) do
    local kind = kind_of(K[name])
    if kind ~= 'none' and kind ~= types[name] then
      return answer('damaged', 'key', K[name], 'problem', 'it is a ' .. kind .. ', not a ' .. types[name])
    end
  end
  for _, name in ipairs({'off', 'live', 'coming', 'aborted'}) do
    local there = call('HLEN', K[name])
    if there ~= tonumber(state['count_' .. name] or '0') then
      return answer('damaged', 'key', K[name], 'problem', 'it has ' .. there .. ' fields where ' .. (state['count_' .. name] or '0') .. ' were written')
    end
  end
  if get('committed') ~= '' and call('HEXISTS', K.metas, get('committed')) == 0 then
    return answer('damaged', 'key', K.metas, 'problem', 'the committed revision is missing')
  end
end

-- standing is why this store may not be asked, nil when it may. unrecovered
-- says that the script is one of the few that work before recovery.
local function standing(unrecovered)
  if life.role ~= 'master' then return answer('replica') end
  if unrecovered then return end
  if get('generation') == '' then return answer('empty') end
  if not recovered then return answer('unrecovered') end
  if ARGV[1] ~= '' and (ARGV[1] ~= state.generation or ARGV[2] ~= state.nonce) then return answer('generation') end
end

local function count(name) set('count_' .. name, whole(call('HLEN', K[name]))) end

-- journal appends one entry. Its id is the generation and a number within it,
-- so that an entry that a failover lost is never followed by another of its name.
local function journal(kind, fields)
  local seq = tonumber(state.journal_seq or '0') + 1
  local id = state.generation .. '-' .. whole(seq)
  local entry = {'kind', kind, 'at', whole(now)}
  for i = 1, #fields do entry[#entry + 1] = fields[i] end
  local text = {get('journal_head'), id}
  for i = 1, #entry do text[#text + 1] = entry[i] end
  -- Lengths first: no two entries spell the same text.
  local lengths = {}
  for i = 1, #text do lengths[i] = #text[i] end
  local hash = redis.sha1hex(table.concat(lengths, ',') .. '\n' .. table.concat(text))
  call('XADD', K.journal, 'MAXLEN', '~', MOST_JOURNAL, id, 'previous', get('journal_head'), 'hash', hash, unpack(entry))
  set('journal_seq', whole(seq))
  set('journal_head', hash)
  set('journal_id', id)
end

local function save()
  local flat = {}
  for name, value in pairs(changed) do
    flat[#flat + 1] = name
    flat[#flat + 1] = value
  end
  if #flat > 0 then call('HSET', K.state, unpack(flat)) end
  changed = {}
end

-- begin starts a generation above what the caller has promised. Where someone
-- took the state away but left the journal, its names only ever raise it.
local function begin(number, nonce)
  local last = call('XREVRANGE', K.journal, '+', '-', 'COUNT', 1)[1]
  local seen = last and tonumber(string.match(last[1], '^(%d+)-')) or 0
  set('generation', whole(math.max(number, seen + 1)))
  set('began_head', get('journal_id') .. ' ' .. get('journal_head'))
  set('nonce', nonce)
  set('replid', life.replid)
  set('recovered', '0')
  set('shown', '')
  set('journal_seq', '0')
  begun, recovered = true, false
  journal('generation', {'generation', state.generation, 'nonce', nonce, 'replid', life.replid, 'after', get('journal_id')})
  call('DEL', K.reports)
end

-- evidence marks that what a recovery is decided from has changed.
local function evidence() set('evidence', whole(tonumber(state.evidence or '0') + 1)) end

local function meta_of(id)
  local text = id ~= '' and call('HGET', K.metas, id)
  if not text then return nil end
  return cjson.decode(text)
end

local function lines(list) return table.concat(list, '\n') end
local function split(text)
  local list = {}
  for line in string.gmatch(text, '[^\n]+') do list[#list + 1] = line end
  return list
end
local function has(list, member)
  for _, m in ipairs(list) do
    if m == member then return true end
  end
  return false
end
local function is_off(member) return call('HEXISTS', K.off, member) == 1 end

-- missing is who has still to acknowledge what is pending.
local function missing(meta)
  local list = {}
  for _, member in ipairs(meta.members) do
    if not is_off(member) and call('HEXISTS', K.acks, member) == 0 then list[#list + 1] = member end
  end
  return list
end

-- schedule makes the cutovers of a revision the content of live or coming.
local function schedule(name, meta)
  call('DEL', K[name])
  for _, c in ipairs(meta.cutovers) do call('HSET', K[name], c[1], c[2]) end
  count(name)
end

-- forget takes a body away that nobody will ask for again; the journal has it.
local function forget(id)
  call('HDEL', K.bodies, id)
  call('HDEL', K.metas, id)
end

-- live_but is whether the committed revision has a live member besides one.
local function live_but(one)
  local meta = meta_of(get('committed'))
  for _, member in ipairs(meta and meta.members or {}) do
    if member ~= one and not is_off(member) then return true end
  end
  return false
end

-- witnessed is whether a member of the committed revision acknowledged. Without
-- one, a store that lost its tail could grow a second chain out of joiners.
local function witnessed()
  local meta = meta_of(get('committed'))
  for _, member in ipairs(call('HKEYS', K.acks)) do
    if not meta or get('adopted') == '1' or has(meta.members, member) then return true end
  end
  return false
end

local function no_pending()
  for _, name in ipairs({'pending', 'pending_number', 'differs', 'proposed_at', 'deadline'}) do set(name, '') end
  call('DEL', K.acks, K.coming)
  count('coming')
end

-- release lets go of a cutover's numbers. The list goes some time later: an
-- edge may still be reading it. The numbers' own entries are swept.
local function list_key(list) return string.sub(K.state, 1, -6) .. 'list:' .. list end
local function release(cutover)
  local claim = call('HGET', K.claims, cutover)
  if not claim then return end
  call('HDEL', K.claims, cutover)
  call('PEXPIRE', list_key(string.match(claim, '^%x+')), LIST_LINGERS)
end

local function commit(id, why)
  local meta = meta_of(id)
  journal('committed', {'revision', id, 'number', meta.number, 'because', why, 'acks', lines(call('HKEYS', K.acks))})
  set('committed', id)
  set('committed_number', meta.number)
  set('committed_at', whole(now))
  set('adopted', '')
  call('RPUSH', K.chain, id)
  while call('LLEN', K.chain) > MOST_CHAIN do forget(call('LPOP', K.chain)) end
  -- What left the schedule releases its numbers.
  local kept = {}
  for _, c in ipairs(meta.cutovers) do kept[c[1]] = true end
  for _, c in ipairs(call('HKEYS', K.live)) do
    if not kept[c] then release(c) end
  end
  schedule('live', meta)
  no_pending()
  return meta
end

-- An aborted id is kept as its number, when, and why.
local function mark_aborted(id, number, why)
  if call('HSETNX', K.aborted, id, number .. ' ' .. whole(now) .. ' ' .. why) == 1 then
    call('RPUSH', K.aborted_order, id)
    while call('LLEN', K.aborted_order) > MOST_ABORTED do call('HDEL', K.aborted, call('LPOP', K.aborted_order)) end
    count('aborted')
  end
end

-- A repeated operation gets its first answer: only the reply was lost.
local function repeated(operation, fingerprint)
  if operation == '' then return end
  local first = call('HGET', K.answers, operation)
  if not first then return end
  if string.sub(first, 1, #fingerprint) ~= fingerprint then return answer('operation_reused') end
  local text = answer('ok', 'repeated', '1')
  for _, v in ipairs(cjson.decode(string.sub(first, #fingerprint + 1))) do text[#text + 1] = v end
  return text
end
local function remember(operation, fingerprint, ...)
  if operation == '' then return end
  call('HSET', K.answers, operation, fingerprint .. cjson.encode({...}))
  call('RPUSH', K.order, operation)
  while call('LLEN', K.order) > MOST_ANSWERS do call('HDEL', K.answers, call('LPOP', K.order)) end
end
