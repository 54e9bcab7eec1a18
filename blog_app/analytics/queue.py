"""The Redis queue (a list) of page view batches, from the web processes to the worker.

A batch is removed only after it is stored: the worker reads the oldest, stores them, commits, and then removes them. A
batch that is read twice is stored once, because its rows have keys.
"""

from __future__ import annotations

from blog_app.data.watermarks import ask_redis, redis_key

KEY = "analytics:page_views"
MAX_BATCHES = 200
"""20 MB if all are full: a bound for a small Redis, and for a queue without a worker."""


def push(batch: bytes) -> bool:
    """Append a batch; return False if Redis is missing, the queue is full, or the push, maybe done, is unconfirmed."""
    waiting = ask_redis(("LLEN", redis_key(KEY)))
    return waiting is not None and waiting[0] < MAX_BATCHES and ask_redis(("RPUSH", redis_key(KEY), batch)) is not None


def oldest(number: int) -> list[bytes]:
    """Return up to `number` of the oldest batches; none if Redis is unreachable."""
    replies = ask_redis(("LRANGE", redis_key(KEY), 0, number - 1))
    return list(replies[0]) if replies else []


def remove(batches: list[bytes]) -> None:
    """Remove these batches if present. If Redis is unreachable, they are read again later, which changes nothing."""
    ask_redis(*[("LREM", redis_key(KEY), 1, batch) for batch in batches])
