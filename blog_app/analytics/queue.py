"""Batches of page views on their way from the web processes to the worker: a list in Redis.

Nothing is taken out before it is in the database: the worker looks at the oldest, stores them, commits, and only then
removes them. Looked at twice, they are stored once, because the rows have keys.
"""

from __future__ import annotations

from blog_app import watermarks
from blog_app.watermarks.link import RedisAway

KEY = "analytics:page_views"
MOST = 200
"""Batches that wait at most, 20 MB if all are full: a Redis may be small, and without a worker they would only grow."""


def push(batch: bytes) -> bool:
    """Append a batch; False if there is no Redis, if there are too many, or if it did not confirm: it may have it."""
    if watermarks.keeper is None:
        return False
    link = watermarks.keeper.link
    try:
        if link.call(None, "LLEN", KEY) >= MOST:
            return False
        link.call(None, "RPUSH", KEY, batch)
    except RedisAway:
        return False
    return True


def oldest(number: int) -> list[bytes]:
    """Return the oldest batches, at most so many; none if Redis is away."""
    if watermarks.keeper is None:
        return []
    try:
        return list(watermarks.keeper.link.call(None, "LRANGE", KEY, 0, number - 1))
    except RedisAway:
        return []


def remove(batches: list[bytes]) -> None:
    """Remove these batches, as far as they are there. If Redis is away they come again, and change nothing."""
    if watermarks.keeper is None:
        return
    try:
        watermarks.keeper.link.calls(None, *[("LREM", KEY, 1, batch) for batch in batches])
    except RedisAway:
        return
