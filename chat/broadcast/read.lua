-- Read a thread's log after an offset; creates the epoch if there is none, so that every tab starts with a cursor.
-- KEYS 1 log, 2 meta; ARGV 1 after this offset, 2 epoch to take if one is needed, 3 count, 4 meta ttl ms
-- returns {last offset, epoch, entries}
local e = redis.call('HGET', KEYS[2], 'e')
if not e then
  e = ARGV[2]
  redis.call('HSET', KEYS[2], 'e', e, 's', 0)
  redis.call('PEXPIRE', KEYS[2], ARGV[4])
end
return {
  tonumber(redis.call('HGET', KEYS[2], 's') or '0'), e,
  redis.call('XRANGE', KEYS[1], '(' .. ARGV[1] .. '-0', '+', 'COUNT', ARGV[3]),
}
