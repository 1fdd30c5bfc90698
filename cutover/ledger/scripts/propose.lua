-- Rule 2: proposes the revision after the committed one.
--
-- ARGV  3 revision  4 body  5 meta  6 who  7 the text in body and meta that
--       stands for now + lead ('' for none)  8 note for the journal
--
-- The id is the operation: a repeat gets what the first one came to.

local refused = standing() or damage()
if refused then return refused end
local id, body, meta_text = ARGV[3], ARGV[4], ARGV[5]

if get('pending') == id then
  return answer('ok', 'repeated', '1', 'pending', id, 'differs', get('differs'), 'deadline', get('deadline'), 'body', call('HGET', K.bodies, id))
end
if call('HEXISTS', K.bodies, id) == 1 then
  return answer('ok', 'repeated', '1', 'pending', '', 'differs', meta_of(id).differs, 'deadline', '', 'body', call('HGET', K.bodies, id))
end
if call('HEXISTS', K.aborted, id) == 1 then return answer('aborted', 'why', call('HGET', K.aborted, id)) end
if get('pending') ~= '' then
  return answer('pending', 'pending', get('pending'), 'proposer', get('proposer'), 'deadline', get('deadline'), 'waiting', lines(missing(meta_of(get('pending')))))
end

local meta = cjson.decode(meta_text)
if meta.previous ~= get('committed') or tonumber(meta.number) ~= (tonumber(get('committed_number')) or 0) + 1 then return answer('stale') end

-- Whoever is removed may still answer by the old revision, so it must really be
-- stopped; whoever is new must not have been stopped.
local before = meta_of(get('committed')) or {members = {}}
for _, member in ipairs(before.members) do
  if not has(meta.members, member) and not is_off(member) then return answer('member', 'edge', member, 'problem', 'removed') end
end
for _, member in ipairs(meta.members) do
  if not has(before.members, member) and is_off(member) then return answer('member', 'edge', member, 'problem', 'off') end
end

local behind = instant(meta.behind)
if behind and now < behind + tonumber(meta.guard) then return answer('unsettled', 'behind', meta.behind) end

local earliest = now + tonumber(meta.lead)
local differs = instant(meta.differs)
if ARGV[7] ~= '' then
  local after, limit = instant(meta.after), instant(meta.before)
  if (after and after >= earliest) or (limit and limit <= earliest) then
    return answer('room', 'earliest', whole(earliest), 'after', meta.after, 'before', meta.before)
  end
  differs = earliest
  local function fill(text)
    local first, last = string.find(text, ARGV[7], 1, true)
    local parts, from = {}, 1
    while first do
      parts[#parts + 1] = string.sub(text, from, first - 1)
      parts[#parts + 1] = whole(earliest)
      from = last + 1
      first, last = string.find(text, ARGV[7], from, true)
    end
    parts[#parts + 1] = string.sub(text, from)
    return table.concat(parts)
  end
  body, meta_text = fill(body), fill(meta_text)
elseif differs and differs < earliest then
  return answer('too_soon', 'differs', whole(differs), 'earliest', whole(earliest))
end

-- The numbers of every cutover must be claimed for it, all of them.
for _, c in ipairs(meta.cutovers) do
  local claim = call('HGET', K.claims, c[1])
  local wanted = c[2] .. ' whole ' .. c[3] .. ' '
  if not claim or string.sub(claim, 1, #wanted) ~= wanted then return answer('unclaimed', 'cutover', c[1], 'list', c[2]) end
end

local deadline = now + tonumber(meta.timeout)
if differs then deadline = math.min(deadline, differs - tonumber(meta.guard)) end
journal('proposed', {'revision', id, 'number', meta.number, 'who', ARGV[6], 'differs', differs and whole(differs) or '',
  'deadline', whole(deadline), 'note', ARGV[8], 'body', body})
call('HSET', K.bodies, id, body)
call('HSET', K.metas, id, meta_text)
set('pending', id)
set('pending_number', meta.number)
set('differs', differs and whole(differs) or '')
set('proposed_at', whole(now))
set('deadline', whole(deadline))
set('proposer', ARGV[6])
schedule('coming', meta)
save()
return answer('ok', 'pending', id, 'differs', get('differs'), 'deadline', whole(deadline), 'body', body)
