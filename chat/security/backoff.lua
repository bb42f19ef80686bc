-- A wait that doubles: one call decides and counts, so that parallel requests cannot slip through together.
-- KEYS 1 the key of the backoff; ARGV in ms: 1 first wait, 2 longest wait, 3 when it starts over; 4 "count" or "look"
-- returns 0 when allowed, else the ms to wait, by the server's clock.
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local first, longest = tonumber(ARGV[1]), tonumber(ARGV[2])
local wait = tonumber(redis.call('HGET', KEYS[1], 'wait') or '0')
local left = tonumber(redis.call('HGET', KEYS[1], 'last') or '0') + wait - now
if left > 0 then return left end
if ARGV[4] == 'count' then
  redis.call('HSET', KEYS[1], 'last', now, 'wait', math.min(math.max(first, 2 * wait), longest))
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 0
