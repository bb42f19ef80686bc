-- Adds a worker's counts to the sums of all workers, once.
-- KEYS[1]: the hash of the sums. ARGV: the worker, the number of this batch, '1' if it has all counts since the worker's
-- start, then fields and numbers.
-- Returns 1, 0 if the batch was added before, -1 if the sums know nothing of this worker: they were lost.
local sent = redis.call('HGET', KEYS[1], 'sent:' .. ARGV[1])
if sent then
    if tonumber(string.match(sent, '^%d+')) >= tonumber(ARGV[2]) then return 0 end
elseif ARGV[3] ~= '1' then
    return -1
end
for place = 4, #ARGV, 2 do redis.call('HINCRBY', KEYS[1], ARGV[place], ARGV[place + 1]) end
redis.call('HSET', KEYS[1], 'sent:' .. ARGV[1], ARGV[2] .. ' ' .. redis.call('TIME')[1])
return 1
