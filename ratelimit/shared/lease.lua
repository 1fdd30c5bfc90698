-- One report of one edge on some trunks; the arithmetic is that of ratelimit.Offer.
-- KEYS     a hash per trunk: "born", and "e:<edge>" with ten numbers per edge
-- ARGV     edge, lease in ms, settling time in ms, then per key eight numbers: for
--          rate (thousandths of a call per second) and for concurrent calls the
--          limit, the share in force there (-1 for none), the demand, what is up
-- returns  per key: the share of the rate, the share of the calls, how many edges
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local me, lease, settle = 'e:' .. ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local function claim(s) return math.max(s.held, s.offered, s.up) end

local function target(limit, stakes, mine)
  local order = {}
  for i = 1, #stakes do order[i] = i end
  table.sort(order, function(a, b)
    if stakes[a].demand ~= stakes[b].demand then return stakes[a].demand < stakes[b].demand end
    return a < b
  end)
  local share, left, n = 0, limit, #stakes
  for at, i in ipairs(order) do
    local give = math.max(math.min(stakes[i].demand, math.floor(left / (n - at + 1))), 0)
    left = left - give
    if i == mine then share = give end
  end
  share = share + math.floor(left / n)
  if mine - 1 < left % n then share = share + 1 end
  return share
end

local function offer(limit, stakes, mine, settling)
  local room = limit
  for i, s in ipairs(stakes) do
    if i ~= mine then room = room - claim(s) end
  end
  room = math.max(room, 0)
  local share = math.min(target(limit, stakes, mine), room)
  if settling then
    local most = stakes[mine].held
    if most <= 0 then most = math.floor(room / 2) end
    share = math.min(share, most)
  end
  return share
end

local function numbers(text)
  local out = {}
  for w in string.gmatch(text, '[^,]+') do out[#out + 1] = tonumber(w) end
  return out
end

local function whole(n) return string.format('%.0f', n) end

local answer = {}
for k, key in ipairs(KEYS) do
  local a, said = 3 + (k - 1) * 8, {}
  for i = 1, 8 do said[i] = tonumber(ARGV[a + i]) end
  local all, born, edges = redis.call('HGETALL', key), nil, {}
  local mine = { id = me, seen = now, 0, 0, 0, 0, 0, 0, 0, 0 }
  for i = 1, #all, 2 do
    if all[i] == 'born' then
      born = tonumber(all[i + 1])
    else
      local n = numbers(all[i + 1])
      n.id, n.seen = all[i], n[9]
      if all[i] == me then
        mine = n
      elseif #n < 9 or math.abs(now - n.seen) > lease then
        redis.call('HDEL', key, all[i]) -- not heard of for a lease: it holds nothing
      else
        edges[#edges + 1] = n
      end
    end
  end
  if not born or born > now then
    born = now
    redis.call('HSET', key, 'born', whole(now))
  end
  edges[#edges + 1] = mine
  table.sort(edges, function(x, y) return x.id < y.id end)
  -- An edge's own word replaces what is known of it: held, demand, up.
  for r = 0, 1 do
    mine[r * 4 + 1] = math.max(said[r * 4 + 2], 0)
    mine[r * 4 + 3] = said[r * 4 + 3]
    mine[r * 4 + 4] = said[r * 4 + 4]
  end
  mine[9] = now
  for r = 0, 1 do
    local stakes, at = {}, 0
    for i, e in ipairs(edges) do
      stakes[i] = { held = e[r * 4 + 1], offered = e[r * 4 + 2], demand = e[r * 4 + 3], up = e[r * 4 + 4] }
      if e == mine then at = i end
    end
    mine[r * 4 + 2] = offer(said[r * 4 + 1], stakes, at, now - born < settle)
    answer[#answer + 1] = mine[r * 4 + 2]
  end
  answer[#answer + 1] = #edges
  local text = {}
  for i = 1, 9 do text[i] = whole(mine[i]) end
  redis.call('HSET', key, me, table.concat(text, ','))
  redis.call('PEXPIRE', key, lease * 6)
end
return answer
