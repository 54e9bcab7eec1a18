"""Waking idle workers: a request or command that published an event pushes to a Redis list that workers wait on.

It only saves the time until a worker polls its outboxes, so a lost wake-up needs no repair. Without Redis workers poll.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import redis
from flask import Flask, g, has_app_context

from blog_app.data import watermarks

KEY = "outbox:nudge"
POLL_SECONDS = 1.0
"""The longest that an event waits for an idle worker that gets no wake-up."""
MAX_WAKE_UPS = 10
WAITERS = 2
"""The threads of a worker that wait: whichever comes first may have nothing to deliver."""


def init_app(app: Flask) -> None:
    """Wake a worker at the end of each request and command that published an event: by then it has committed."""

    @app.teardown_appcontext
    def wake_worker(_: BaseException | None) -> None:
        if g.pop("outbox_published", False):
            key = watermarks.redis_key(KEY)
            watermarks.ask_redis(("LPUSH", key, *[""] * WAITERS), ("LTRIM", key, 0, MAX_WAKE_UPS - 1))


def request_wake_up() -> None:
    """Have a worker woken when this request or command ends."""
    if has_app_context():
        g.outbox_published = True


def waiter(app: Flask) -> Callable[[threading.Event], None]:
    """Return a function that waits for a wake-up, for `POLL_SECONDS` at most, or until the given event is set."""
    url, key = app.config["SETTINGS"].redis_url, watermarks.redis_key(KEY)
    client = redis.Redis.from_url(url, socket_timeout=2 * POLL_SECONDS) if url else None

    def wait(stop: threading.Event) -> None:
        try:
            if client:
                client.blpop([key], timeout=POLL_SECONDS)
                return
        except redis.RedisError:
            pass
        stop.wait(POLL_SECONDS)

    return wait
