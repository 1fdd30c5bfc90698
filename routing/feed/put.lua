-- Writes one number record, its entry in the change stream and the partition's
-- meta together, or nothing at all. Every refusal comes before the first write,
-- and the first write is one that a full or read-only store refuses.
--
-- KEYS  1 record  2 changes  3 meta  4 answers  5 order   (one partition)
-- ARGV  1 verb: put, delete, plan (a put that only says what it would do),
--         settle (a put of an existing record that may change who holds it), or
--         restore and bury: a put and a delete that the store has forgotten
--       2 public_number  3 operation ('' for none)  4 its fingerprint
--       5 expected revision ('' for any, 'absent' for no live record, '<=N' for
--         whatever was written no later than that); of a restore or bury, the
--         revision that was forgotten
--       6 incarnation to use if there is none yet
--       7 entries kept in the stream  8 answers kept  9 answers expire after (ms)
--       10 tombstones expire after (ms)  11 lead of overrides (us)
--       12..14 states that may precede the one asked for, as ',a,b,': for local
--       and mobile, toll_free, and unknown numbers
--       15 count of pairs that follow; the rest are pairs that hold for a new record only
--
-- Answers status|revision|detail.

-- Time here is time of the whole store: what is not called is saved for every
-- number, and most of a row's cost is calls.
local call, pcall = redis.call, redis.pcall
local record, changes, meta, answers, order = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local verb, number, operation, fingerprint, expect = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]

-- A script is not rolled back: a key of the wrong type must be found first. A
-- read finds it by failing; the stream, which is not read, is asked for its type.
local function kind_of(key)
  local kind = call('TYPE', key)
  return kind.ok or kind
end
local function wrong(key, expected)
  return 'wrong_type|0|' .. key .. ' is a ' .. kind_of(key) .. ', not a ' .. expected
end
local function failed(reply) return type(reply) == 'table' and reply.err end

-- A repeated operation gets its first answer: only the reply was lost.
local answered_as, kept = operation .. '/' .. number, 0
if operation ~= '' then
  local first = pcall('HGET', answers, answered_as)
  if failed(first) then return wrong(answers, 'hash') end
  if first then
    if string.sub(first, 1, #fingerprint) ~= fingerprint then
      return 'operation_reused|0|'
    end
    return string.sub(first, #fingerprint + 1)
  end
  kept = pcall('LLEN', order)
  if failed(kept) then return wrong(order, 'list') end
end
local stream = kind_of(changes)
if stream ~= 'stream' and stream ~= 'none' then return wrong(changes, 'stream') end

-- Numbers in Lua are doubles: exact up to 2^53, which microseconds reach in 2255.
local function whole(n) return string.format('%.0f', n) end
local function counted(s)
  if type(s) ~= 'string' or not string.match(s, '^%d+$') then return nil end
  local n = tonumber(s)
  if n > 9007199254740991 then return nil end
  return n
end

local time = call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local was, found = {}, false
local flat = pcall('HGETALL', record)
if failed(flat) then return wrong(record, 'hash') end
for i = 1, #flat, 2 do
  was[flat[i]] = flat[i + 1]
  found = true
end
local alive = found and not was.tombstone
local before = 0
if was.revision then
  before = counted(was.revision)
  if not before then return 'garbage|0|revision' end
end

local about = pcall('HMGET', meta, 'incarnation', 'seq', 'digest', 'count', 'refreshed')
if failed(about) then return wrong(meta, 'hash') end
local seq, count = counted(about[2] or '0'), tonumber(about[4] or '0')
local high, low = string.match(about[3] or '0:0', '^(%d+):(%d+)$')
high, low = tonumber(high), tonumber(low)
if not (seq and count and high and low) then return 'garbage|0|meta' end

-- Answers expire some time after the last write. Refreshing that at each write
-- costs two calls, so it is done when a sixteenth of the time is gone, and the
-- expiry is that much later.
local lasting = tonumber(ARGV[9])
local refreshed = counted(about[5])
local refresh = not refreshed or now < refreshed or now - refreshed > lasting * 62.5
local committed = false

local function answer(status, revision, detail)
  local text = status .. '|' .. whole(revision) .. '|' .. (detail or '')
  if operation ~= '' and verb ~= 'plan' then
    call('HSET', answers, answered_as, fingerprint .. text)
    call('RPUSH', order, answered_as)
    -- The oldest go when a sixty-fourth too many are there, all at once.
    local most = tonumber(ARGV[8])
    if kept >= most + math.floor(most / 64) then
      local surplus = math.min(kept + 1 - most, 1000)
      call('HDEL', answers, unpack(call('LRANGE', order, 0, surplus - 1)))
      call('LTRIM', order, surplus, -1)
    end
    if refresh or not committed or kept == 0 then
      local lives = whole(lasting * 1.0625)
      call('PEXPIRE', answers, lives)
      call('PEXPIRE', order, lives)
    end
  end
  return text
end

local floor, newest = 0, string.match(expect, '^<=(%d+)$')
newest = newest and tonumber(newest)
if verb == 'restore' or verb == 'bury' then
  -- Another edge may have restored it already, or someone has decided anew.
  floor = tonumber(expect)
  if before >= floor then return answer('overruled', before) end
  verb = verb == 'bury' and 'delete' or verb
elseif (expect == 'absent' and alive) or
    (expect ~= '' and expect ~= 'absent' and not newest and (not alive or before ~= tonumber(expect))) then
  return answer('conflict', alive and before or 0)
end

local function digest(revision, sign)
  local sum = redis.sha1hex(number .. ':' .. whole(revision))
  high = (high + sign * tonumber(string.sub(sum, 1, 12), 16)) % 281474976710656
  low = (low + sign * tonumber(string.sub(sum, 13, 24), 16)) % 281474976710656
end

-- commit leaves the record to its caller, who has just written it: the stream
-- and meta follow, and nothing refuses them any more.
local function commit(revision, now_alive, entry)
  if alive and was.revision then
    digest(before, -1)
    count = count - 1
  end
  if now_alive then
    digest(revision, 1)
    count = count + 1
  end
  local stamp = operation ~= '' and refresh and now or refreshed or 0
  call('HSET', meta, 'incarnation', about[1] or ARGV[6], 'seq', whole(seq + 1),
    'digest', whole(high) .. ':' .. whole(low), 'count', whole(count), 'refreshed', whole(stamp))
  call('XADD', changes, 'MAXLEN', '~', ARGV[7], '*',
    'seq', whole(seq + 1), 'revision', whole(revision), 'public_number', number, unpack(entry))
  committed = true
end

local revision = math.max(before + 1, floor + 1, now)

if verb == 'delete' then
  if not alive then return answer('absent', before) end
  call('HSET', record, 'tombstone', '1', 'revision', whole(revision))
  local gone = {}
  for field in pairs(was) do
    if field ~= 'revision' then gone[#gone + 1] = field end
  end
  if #gone > 0 then call('HDEL', record, unpack(gone)) end
  call('PEXPIRE', record, ARGV[10])
  commit(revision, false, {'tombstone', '1'})
  return answer('deleted', revision)
end

if verb == 'settle' and not alive then return answer('absent', before) end

local given = {}
local pairs_given = 15 + 2 * tonumber(ARGV[15])
for i = 16, pairs_given, 2 do given[ARGV[i]] = ARGV[i + 1] end
if not alive then
  for i = pairs_given + 1, #ARGV, 2 do
    if given[ARGV[i]] == nil then given[ARGV[i]] = ARGV[i + 1] end
  end
  was = {}
end
local function then_is(field)
  if given[field] ~= nil then return given[field] end
  return was[field] or ''
end

if alive and verb ~= 'restore' then
  local authority = was.routing_authority or ''
  if verb ~= 'settle' and given.routing_authority and given.routing_authority ~= authority then
    return answer('authority', before, authority)
  end
  local from, to = was.porting_state or '', then_is('porting_state')
  if from ~= to then
    local kind = then_is('number_type')
    local legal = (kind == '' and ARGV[14]) or (kind == 'toll_free' and ARGV[13]) or ARGV[12]
    if not string.find(legal, ',' .. from .. ',', 1, true) then
      return answer('transition', before, from .. ',' .. kind)
    end
  end
end

-- An override begins no sooner than every edge can have heard of it. One that is
-- restored had begun when it was given.
if verb == 'restore' then
elseif given.override == '' then
  for _, part in ipairs({'from', 'until', 'reason', 'author'}) do given['override_' .. part] = '' end
elseif given.override then
  local earliest = now + tonumber(ARGV[11])
  local ends = counted(given.override_until)
  local same = was.override == given.override
  local running = same and (was.override_until == given.override_until or (counted(was.override_until) or 0) > now)
  if given.override_from == nil then
    given.override_from = running and was.override_from or whole(earliest)
  elseif given.override_from ~= was.override_from and tonumber(ARGV[11]) > 0 and tonumber(given.override_from) < earliest then
    return answer('override_too_soon', before, whole(earliest))
  end
  if not ends or ends <= tonumber(given.override_from) then
    return answer('override_ends', before, given.override_from)
  end
end

local vocabulary = {'number_type', 'porting_state', 'routing_authority', 'original_assignee',
  'current_serving_provider', 'losing_provider', 'underlying_carrier', 'customer_assignment', 'lrn',
  'legacy_route', 'speakops_route',
  'override', 'override_from', 'override_until', 'override_reason', 'override_author'}

local set, drop, changed = {}, {}, not alive or verb == 'restore'
for _, field in ipairs(vocabulary) do
  local value = given[field]
  if value ~= nil and value ~= (was[field] or '') then
    changed = true
    if value == '' then
      drop[#drop + 1] = field
    else
      set[#set + 1] = field
      set[#set + 1] = value
    end
  end
end
if not changed then return answer('unchanged', before) end
-- Who wrote later was somebody else, or this writer before it was interrupted: then
-- the record says the same already.
if newest and before > newest then return answer('conflict', before, alive and 'later' or 'gone') end
local status = alive and 'updated' or 'created'
if verb == 'plan' then return answer(status, before) end

call('HSET', record, 'public_number', number, 'revision', whole(revision), unpack(set))
if not alive and found then
  drop[#drop + 1] = 'tombstone'
  call('PERSIST', record)
end
if #drop > 0 then call('HDEL', record, unpack(drop)) end

local entry = set
if alive then
  entry = {}
  for _, field in ipairs(vocabulary) do
    local value = then_is(field)
    if value ~= '' then
      entry[#entry + 1] = field
      entry[#entry + 1] = value
    end
  end
end
commit(revision, true, entry)
return answer(status, revision)
