"""Batches of page views on their way from the web processes to the worker: a list in Redis.

Nothing is taken out before it is in the database: the worker looks at the oldest, stores them, commits, and only then
removes them. Looked at twice, they are stored once, because the rows have keys.
"""

from __future__ import annotations

from typing import cast

import redis
from flask import Flask
from redis.backoff import NoBackoff
from redis.retry import Retry

from blog_app.config import Settings
from blog_app.pauses import Rests

KEY = "analytics:page_views"
MOST = 2_000
"""Batches that wait at most, about 300 MB if all are full: without a worker they would grow for ever."""


class Queue:
    """The list, from one process. Whoever finds that Redis is away leaves it alone for a while."""

    def __init__(self, settings: Settings) -> None:
        self._rests = Rests()
        self._redis = (
            redis.Redis.from_url(
                settings.redis_url,
                socket_timeout=settings.redis_timeout,
                socket_connect_timeout=settings.redis_timeout,
                retry=Retry(NoBackoff(), 0),
            )
            if settings.redis_url
            else None
        )

    def push(self, batch: bytes) -> bool:
        """Append a batch; False if there is no Redis, if it is full, or did not confirm: it may be there, or not."""
        if self._redis is None or KEY in self._rests:
            return False
        try:
            if self._redis.llen(KEY) >= MOST:
                return False
            self._redis.rpush(KEY, batch)
        except redis.RedisError:
            self._rests.begin(KEY)
            return False
        self._rests.end(KEY)
        return True

    def oldest(self, number: int) -> list[bytes]:
        """Return the oldest batches, at most so many; none if Redis is away."""
        if self._redis is None or KEY in self._rests:
            return []
        try:
            found = cast(list[bytes], self._redis.lrange(KEY, 0, number - 1))
        except redis.RedisError:
            self._rests.begin(KEY)
            return []
        self._rests.end(KEY)
        return found

    def remove(self, batches: list[bytes]) -> None:
        """Remove these batches, as far as they are there. If Redis is away they come again, and change nothing."""
        if self._redis is None:
            return
        try:
            with self._redis.pipeline(transaction=False) as pipeline:
                for batch in batches:
                    pipeline.execute_command("LREM", KEY, 1, batch)
                pipeline.execute()
        except redis.RedisError:
            self._rests.begin(KEY)


def init_app(app: Flask) -> None:
    """Give the app its queue."""
    app.extensions["page_views"] = Queue(app.config["SETTINGS"])
