"""A word to an idle worker that there is something to deliver, through Redis where there is one.

It only saves the time until the worker looks by itself, so nothing is done about a word that is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import redis
from flask import Flask, g, has_app_context

from blog_app.data import watermarks

KEY = "outbox:nudge"
LOOK_SECONDS = 1.0
"""How long an event waits at most for an idle worker that nobody nudges."""
MOST_WORDS = 10


def init_app(app: Flask) -> None:
    """Nudge a worker at the end of each request and command that published something: by then it has committed."""

    @app.teardown_appcontext
    def tell(_: BaseException | None) -> None:
        if g.pop("outbox_published", False):
            watermarks.ask_redis(("LPUSH", KEY, ""), ("LTRIM", KEY, 0, MOST_WORDS - 1))


def note_published() -> None:
    """Remember that this request or command published something."""
    if has_app_context():
        g.outbox_published = True


def listener(app: Flask) -> Callable[[threading.Event], None]:
    """Return a function that waits until a worker is nudged, for `LOOK_SECONDS` at most, or until it shall stop."""
    url = app.config["SETTINGS"].redis_url
    ear = redis.Redis.from_url(url, socket_timeout=2 * LOOK_SECONDS) if url else None

    def wait(stop: threading.Event) -> None:
        try:
            if ear:
                ear.blpop([KEY], timeout=LOOK_SECONDS)
                return
        except redis.RedisError:
            pass
        stop.wait(LOOK_SECONDS)

    return wait
