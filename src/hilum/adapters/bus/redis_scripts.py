"""What happens at Redis in one step, as Lua, and the keys it happens to.

A script that works on a part of a topic asks first whether the part is still the caller's: a
process that was stopped for longer than its lease can do no harm when it goes on.
"""

from dataclasses import dataclass
from typing import Final

PUBLISH: Final = """
if redis.call('XLEN', KEYS[1]) >= tonumber(ARGV[1]) then return false end
return redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2))
"""
"""Append to the stream, unless it holds as many as it may."""

TAKE: Final = """
local owner = redis.call('GET', KEYS[1])
if owner and owner ~= ARGV[1] then return false end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
redis.pcall('XGROUP', 'CREATE', KEYS[2], ARGV[3], '0', 'MKSTREAM')
for _, group in ipairs(redis.call('XINFO', 'GROUPS', KEYS[2])) do
  if group[2] == ARGV[3] then return group[8] end
end
return false
"""
"""Become the owner of a free part; the answer is the last id that the group was given."""

RENEW: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""

RELEASE: Final = """
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 1
"""

READ: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('LOST lease') end
return redis.call('XREADGROUP', 'GROUP', ARGV[2], 'owner', 'COUNT', ARGV[3],
                  'STREAMS', KEYS[2], ARGV[4])
"""
"""Every owner reads under one consumer name: what its predecessor had in hand is its own."""

BEGIN: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
"""

DONE: Final = """
redis.call('HDEL', KEYS[2], ARGV[2])
return redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
"""

TRIM: Final = """
local function before(a, b)
  local am, as = string.match(a, '(%d+)-(%d+)')
  local bm, bs = string.match(b, '(%d+)-(%d+)')
  am, as, bm, bs = tonumber(am), tonumber(as), tonumber(bm), tonumber(bs)
  return am < bm or (am == bm and as < bs)
end
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local least = string.format('%.0f-0', math.max(now - tonumber(ARGV[1]), 0))
local groups = redis.call('XINFO', 'GROUPS', KEYS[1])
if #groups == 0 then return 0 end
for _, group in ipairs(groups) do
  local needed = group[8]
  if group[6] > 0 then needed = redis.call('XPENDING', KEYS[1], group[2])[2] end
  if before(needed, least) then least = needed end
end
return redis.call('XTRIM', KEYS[1], 'MINID', least)
"""
"""Drop what every group is through with and what is older than it has to be kept."""

HEARTBEAT: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""
"""Tell that a member lives; the answer is how many do."""


@dataclass(frozen=True, slots=True)
class Keys:
    """Names at Redis; the braces keep those of one part together in a cluster."""

    name: str
    topic: str

    @property
    def partitions(self) -> str:
        return f"{self.name}:{{{self.topic}}}:partitions"

    def members(self, group: str) -> str:
        return f"{self.name}:{{{self.topic}}}:members:{group}"

    def stream(self, partition: int) -> str:
        return f"{self.name}:{{{self.topic}:{partition}}}"

    def owner(self, partition: int, group: str) -> str:
        return f"{self.stream(partition)}:owner:{group}"

    def attempts(self, partition: int, group: str) -> str:
        return f"{self.stream(partition)}:attempts:{group}"
