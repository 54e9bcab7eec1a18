"""Batches of page views on their way from the web processes to the worker: a list in Redis.

Nothing is taken out before it is in the database: the worker looks at the oldest, stores them, commits, and only then
removes them. Looked at twice, they are stored once, because the rows have keys.
"""

from __future__ import annotations

from blog_app.data.watermarks import ask_redis

KEY = "analytics:page_views"
MOST = 200
"""Batches that wait at most, 20 MB if all are full: a Redis may be small, and without a worker they would only grow."""


def push(batch: bytes) -> bool:
    """Append a batch; False if there is no Redis, if there are too many, or if it did not confirm: it may have it."""
    waiting = ask_redis(("LLEN", KEY))
    return waiting is not None and waiting[0] < MOST and ask_redis(("RPUSH", KEY, batch)) is not None


def oldest(number: int) -> list[bytes]:
    """Return the oldest batches, at most so many; none if Redis is away."""
    answers = ask_redis(("LRANGE", KEY, 0, number - 1))
    return list(answers[0]) if answers else []


def remove(batches: list[bytes]) -> None:
    """Remove these batches, as far as they are there. If Redis is away they come again, and change nothing."""
    ask_redis(*[("LREM", KEY, 1, batch) for batch in batches])
