"""A limit on the unsafe requests of each caller, so that one runaway client does not take the site from all others.

Requests are counted in windows of a minute, in Redis for all processes together. Without Redis, or while it is away,
each process counts for itself: the limit is then looser, and nothing else changes. Safe requests are not counted.
The headers are those of draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import threading
import time
from typing import cast

from flask import Flask, Response, current_app, g, request

from blog_app.api import auth
from blog_app.config import Settings
from blog_app.data import watermarks
from blog_app.errors import TooManyRequests

WINDOW = 60
clock = time.time


class Limiter:
    """Counts requests by caller and minute."""

    def __init__(self, settings: Settings) -> None:
        self.most = settings.write_limit
        self._window = 0
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def count(self, caller: str) -> None:
        """Count a request of `caller`; raise `TooManyRequests` beyond the limit."""
        now = clock()
        window, seconds_left = int(now // WINDOW), WINDOW - int(now % WINDOW)
        used = self._count_together(caller, window) or self._count_here(caller, window)
        g.rate_limit = (
            ("RateLimit-Policy", f'"writes";q={self.most};w={WINDOW}'),
            ("RateLimit", f'"writes";r={max(0, self.most - used)};t={seconds_left}'),
        )
        if used > self.most:
            raise TooManyRequests(
                f"At most {self.most} changes a minute are allowed.", headers={"Retry-After": str(seconds_left)}
            )

    def _count_together(self, caller: str, window: int) -> int:
        """Return how many there were in all processes, 0 if Redis cannot tell."""
        key = f"limit:{window}:{caller}"
        answers = watermarks.ask_redis(("INCR", key), ("EXPIRE", key, 2 * WINDOW))
        return cast(int, answers[0]) if answers else 0

    def _count_here(self, caller: str, window: int) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            self._counts[caller] = used = self._counts.get(caller, 0) + 1
            return used


def init_app(app: Flask) -> None:
    """Limit the unsafe requests to `app`, unless its settings say otherwise."""
    settings: Settings = app.config["SETTINGS"]
    app.extensions["limiter"] = Limiter(settings) if settings.write_limit else None

    @app.after_request
    def tell(response: Response) -> Response:
        for name, value in g.get("rate_limit", ()):
            response.headers.add(name, value)
        return response


def count_request() -> None:
    """Count the current request, unless it is safe; raise `TooManyRequests` if its caller has sent too many."""
    limiter: Limiter | None = current_app.extensions["limiter"]
    if limiter and request.method not in ("GET", "HEAD"):
        limiter.count(str(auth.user_id() or request.remote_addr))
