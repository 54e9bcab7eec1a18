"""Redis connections, one for each thread, with the run id of the Redis process; and a circuit breaker.

* A connection reads the run id (`run_id/master_replid` of `INFO`) when it is made, and serves only calls that expect
  it: a Redis that restarted, failed over or was replaced has another, and none of its memory is trusted. The prefix of
  the keys is a part of it: to a process with another prefix, which would not see these marks, it is another Redis.
* No command is repeated: after an error it may or may not have been applied.
* After an error each call fails at once until Redis can be written to again (`circuit_breaker`). A connection that is
  older than the error, or is one to an earlier Redis, is replaced before it is used.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from functools import partial
from hashlib import sha1
from typing import Any

import hiredis
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from blog_app.data.circuit_breaker import CircuitBreaker

# A mark is a position of sixteen hexadecimal digits, a dot, a tag, and a `+token;` for each unfinished transaction.
BEGIN = """
for _, key in ipairs(KEYS) do
  redis.call('SET', key, (redis.call('GET', key) or '0000000000000000.') .. '+' .. ARGV[1] .. ';')
end
"""
SETTLE = """
local token, position, tag, lifetime = '+' .. ARGV[1] .. ';', ARGV[2], ARGV[3], ARGV[4]
local settled = {}
for i, key in ipairs(KEYS) do
  local mark = redis.call('GET', key)
  if mark then
    local tokens = string.match(mark, '%+.*') or ''
    local first, last = string.find(tokens, token, 1, true)
    if first then tokens = string.sub(tokens, 1, first - 1) .. string.sub(tokens, last + 1) end
    local reached = string.sub(mark, 1, 16)
    if reached < position then reached = position end
    mark = reached .. '.' .. tag .. tokens
    if tokens == '' then redis.call('SET', key, mark, 'EX', lifetime) else redis.call('SET', key, mark) end
  end
  settled[i] = mark
end
return settled
"""
STORE = """
redis.call('DEL', KEYS[1] .. ':filling')
local marks = redis.call('MGET', unpack(KEYS, 2))
for i, mark in ipairs(marks) do
  if mark ~= ARGV[i + 2] then return 0 end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""
# Counts a request by each key, a hash of how many there were in each piece of time, unless one has reached its limit.
LIMIT = """
local now, pieces, lifetime = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local usages, allowed = {}, 1
for i, key in ipairs(KEYS) do
  local used, oldest, counts = 0, now, redis.call('HGETALL', key)
  for j = 1, #counts, 2 do
    local piece = tonumber(counts[j])
    if piece <= now - pieces then
      redis.call('HDEL', key, counts[j])
    else
      used = used + tonumber(counts[j + 1])
      if piece < oldest then oldest = piece end
    end
  end
  usages[i] = {used, oldest}
  if used >= tonumber(ARGV[3 + i]) then allowed = 0 end
end
if allowed == 1 then
  for i, key in ipairs(KEYS) do
    redis.call('HINCRBY', key, ARGV[1], 1)
    redis.call('EXPIRE', key, lifetime)
    usages[i][1] = usages[i][1] + 1
  end
end
return {allowed, unpack(usages)}
"""
SCRIPTS = {"BEGIN": BEGIN, "SETTLE": SETTLE, "STORE": STORE, "LIMIT": LIMIT}
# Known before the first connection: a process that has learned the epoch from the database begins with a script.
HASHES = {name: sha1(script.encode(), usedforsecurity=False).hexdigest() for name, script in SCRIPTS.items()}


class RedisUnreachable(Exception):
    """Redis did not answer, returned an error, or has another run id than expected."""


class UnsafeEviction(RedisUnreachable):
    """Redis may evict keys that have no expiry."""


def require_safe_eviction(memory: Mapping[str, Any]) -> None:
    """Raise `UnsafeEviction` if Redis, whose `INFO memory` is given, may evict the mark of a pending write."""
    policy = str(memory.get("maxmemory_policy", "")).strip()
    if int(memory.get("maxmemory", 0)) and policy.startswith("allkeys"):
        raise UnsafeEviction(f"maxmemory-policy {policy} may evict keys without expiry; set volatile-lru")


class RedisLink:
    """This process's connections to the Redis at `url`."""

    def __init__(self, url: str, timeout: float, prefix: str) -> None:
        self.prefix = prefix
        self._url = url
        self._timeout = timeout
        self._breaker = CircuitBreaker("Redis", self._probe, (redis.RedisError, OSError))
        self.reset()

    def reset(self) -> None:
        """Start without connections, as after a fork: the open ones belong to the parent."""
        self._pool = redis.ConnectionPool.from_url(
            self._url,
            protocol=2,
            socket_timeout=self._timeout,
            socket_connect_timeout=self._timeout,
            retry=Retry(NoBackoff(), 0),
            redis_connect_func=partial(_on_connect, prefix=self.prefix),
        )
        self._local = threading.local()
        self._errors = 0

    def call(self, run_id: str | None, *command: Any) -> Any:
        """Return the reply of the Redis with this run id (None: any); raise `RedisUnreachable`."""
        return self.calls(run_id, command)[0]

    def calls(self, run_id: str | None, *commands: tuple[Any, ...]) -> list[Any]:
        """Send the commands in one message and return their replies; raise `RedisUnreachable` if one failed."""
        if self._breaker.is_open():
            raise RedisUnreachable("the circuit breaker is open: Redis failed a moment ago")
        connection = self._connection()
        try:
            if connection.errors != self._errors:
                self._connect(connection)
            if run_id is not None and connection.run_id != run_id:
                self._connect(connection)
                if connection.run_id != run_id:
                    raise RedisUnreachable("this is not the Redis of the epoch")
            connection.send_packed_command([b"".join(map(hiredis.pack_command, commands))])
            replies = [connection.read_response() for _ in commands]
        except (redis.RedisError, OSError) as error:
            self._open_circuit(error)
            raise RedisUnreachable(str(error)) from error
        except BaseException:
            self.disconnect()  # The reply may still come; the next command must not read it.
            raise
        return replies

    def mget(self, keys: list[str]) -> list[bytes | None]:
        """Return the values of `keys` in any Redis; `run_id` says which one it was."""
        return list(self.call(None, "MGET", *keys))

    @property
    def run_id(self) -> str:
        """The run id of the Redis at the other end of this thread's connection."""
        return str(getattr(self._connection(), "run_id", ""))

    def script(self, run_id: str, name: str, keys: list[str], *arguments: Any) -> Any:
        """Run one of `SCRIPTS` over `keys`; raise `RedisUnreachable`."""
        return self.call(run_id, "EVALSHA", HASHES[name], len(keys), *keys, *arguments)

    def read_run_id(self) -> str:
        """Return the run id of Redis, over a new connection; raise `RedisUnreachable`.

        The circuit breaker does not refuse it.
        """
        try:
            self._connect(self._connection())
        except (redis.RedisError, OSError) as error:
            self._open_circuit(error)
            raise RedisUnreachable(str(error)) from error
        return self.run_id

    def disconnect(self) -> None:
        """Close this thread's connection; the next call makes another."""
        connection = self._connection()
        connection.disconnect()
        connection.errors = None

    def stop(self) -> None:
        """End the probes of the circuit breaker, for good."""
        self._breaker.stop()

    def _connection(self) -> Any:
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._new_connection()
            connection.errors = None
        return connection

    def _new_connection(self) -> Any:
        # Not from the pool, which would count the connections of ended threads.
        return self._pool.connection_class(**self._pool.connection_kwargs)

    def _connect(self, connection: Any) -> None:
        """Connect anew, and remember after how many errors that was."""
        connection.disconnect()
        connection.errors = self._errors
        connection.connect()

    def _open_circuit(self, error: Exception) -> None:
        self._errors += 1
        self.disconnect()
        self._breaker.open(error)

    def _probe(self) -> None:
        """Write to Redis, over a connection of its own."""
        connection = self._new_connection()
        try:
            connection.connect()
            connection.send_command("SET", f"{self.prefix}:probe", "1", "EX", 60)
            connection.read_response()
        finally:
            connection.disconnect()


def _on_connect(connection: Any, prefix: str) -> None:
    """Prepare a new connection: authenticate, read the run id, load the scripts."""
    connection.on_connect()
    found: dict[str, str] = {}
    for section in ("server", "replication"):
        connection.send_command("INFO", section)
        for line in connection.read_response().decode().splitlines():
            name, _, value = line.partition(":")
            found[name] = value
    connection.run_id = f"{found['run_id']}/{found['master_replid']}/{prefix}"
    for script in SCRIPTS.values():
        connection.send_command("SCRIPT", "LOAD", script)
        connection.read_response()
    if not isinstance(connection._sock, ssl.SSLSocket):
        _set_kernel_timeout(connection._sock)


def _set_kernel_timeout(sock: socket.socket) -> None:
    """Let the kernel enforce the timeout: Python's own polls before each call, and releases the GIL once more."""
    limit = sock.gettimeout()
    if limit:
        sock.setblocking(True)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            sock.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", int(limit), int(limit % 1 * 1_000_000)))
