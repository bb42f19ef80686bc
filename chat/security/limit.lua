-- Generic cell rate algorithm: one call decides and counts, so that parallel requests cannot slip through together.
-- KEYS 1 the key of the limit, 2 (optional) the mark of something that counts once, however often it comes
-- ARGV 1 ms between two calls at the steady rate, 2 burst size, 3 "count" or "refund", 4 ms that a mark is kept
-- returns 0 when allowed, else the ms to wait, by the server's clock.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
if ARGV[3] == 'refund' then  -- never to less than nothing counted
  due = due - interval
  if due > now then redis.call('SET', KEYS[1], due, 'PX', math.ceil(due - now)) else redis.call('DEL', KEYS[1]) end
  return 0
end
if KEYS[2] and redis.call('EXISTS', KEYS[2]) == 1 then return 0 end
local wait = due - now - interval * (burst - 1)
if wait > 0 then return math.ceil(wait) end
redis.call('SET', KEYS[1], due + interval, 'PX', math.ceil(due + interval - now))
if KEYS[2] then redis.call('SET', KEYS[2], 1, 'PX', ARGV[4]) end
return 0
