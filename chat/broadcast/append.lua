-- Append one event to a thread's log and publish it, atomically; refuse an owner whose fence is old.
-- KEYS 1 log (stream), 2 meta (hash: e epoch, s last offset, f fence)
-- ARGV 1 channel, 2 expected epoch ('' any), 3 epoch to take if one is needed, 4 maximum length, 5 log ttl ms,
--      6 meta ttl ms, 7 fence ('' none), 8 terminal (0/1), 9 payload, 10 offset that must exist, 11 in this epoch
-- returns {s, e}, or {0, e} when the epoch has moved, or {-1, e} when fenced off
local e = redis.call('HGET', KEYS[2], 'e')
local function rotate()
  redis.call('DEL', KEYS[1])
  e = ARGV[3]
  redis.call('HSET', KEYS[2], 'e', e, 's', 0)
end
if not e then rotate() end
if ARGV[7] ~= '' and tonumber(ARGV[7]) < tonumber(redis.call('HGET', KEYS[2], 'f') or '0') then return {-1, e} end
-- offsets went back: a stale replica was promoted
if ARGV[11] == e and tonumber(ARGV[10]) > tonumber(redis.call('HGET', KEYS[2], 's') or '0') then rotate() end
-- the writer must send the full text instead of a delta
if ARGV[2] ~= '' and ARGV[2] ~= e then return {0, e} end
local s = redis.call('HINCRBY', KEYS[2], 's', 1)
if s == 1 then redis.call('DEL', KEYS[1]) end
local r = redis.pcall('XADD', KEYS[1], 'MAXLEN', '~', ARGV[4], s .. '-0', 'd', ARGV[9])
if type(r) == 'table' and r.err then -- meta and log disagree (eviction)
  rotate()
  if ARGV[2] ~= '' then return {0, e} end
  s = redis.call('HINCRBY', KEYS[2], 's', 1)
  redis.call('XADD', KEYS[1], s .. '-0', 'd', ARGV[9])
end
-- fences are even; a terminal event closes its own with +1
if ARGV[7] ~= '' then redis.call('HSET', KEYS[2], 'f', tonumber(ARGV[7]) + tonumber(ARGV[8])) end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('PEXPIRE', KEYS[2], ARGV[6])
redis.call('PUBLISH', ARGV[1], s .. ':' .. e .. ':' .. ARGV[9])
return {s, e}
