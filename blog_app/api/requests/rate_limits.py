"""The rate limit: each caller may send so many write requests in a fixed window of one minute.

Requests are counted in Redis, for all processes together. While Redis is not available each process counts for itself:
the limit is then looser, and nothing else changes. GET and HEAD are not counted. The headers are those of
draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import threading
import time
from typing import cast

from flask import Flask, Response, current_app, g, request

from blog_app.api import auth
from blog_app.api.client_address import client_network
from blog_app.config import Settings
from blog_app.data import watermarks
from blog_app.errors import TooManyRequests

WINDOW_SECONDS = 60
clock = time.time


class RateLimiter:
    """Counts requests by caller in fixed windows."""

    def __init__(self, settings: Settings) -> None:
        self.limit = settings.write_limit
        self._window = 0
        self._counts: dict[str, int] = {}
        self._lock = threading.Lock()

    def count(self, caller: str) -> None:
        """Count a request of `caller`; raise `TooManyRequests` beyond the limit."""
        now = clock()
        window, seconds_left = int(now // WINDOW_SECONDS), WINDOW_SECONDS - int(now % WINDOW_SECONDS)
        used = self._count_in_redis(caller, window) or self._count_in_process(caller, window)
        g.rate_limit = (
            ("RateLimit-Policy", f'"writes";q={self.limit};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"writes";r={max(0, self.limit - used)};t={seconds_left}'),
        )
        if used > self.limit:
            raise TooManyRequests(
                f"Rate limit of {self.limit} write requests per minute exceeded. Retry in {seconds_left} seconds.",
                headers={"Retry-After": str(seconds_left)},
            )

    def _count_in_redis(self, caller: str, window: int) -> int:
        """Return the number of requests of all processes in the window, 0 if Redis is not available."""
        key = watermarks.redis_key(f"limit:{window}:{caller}")
        replies = watermarks.ask_redis(("INCR", key), ("EXPIRE", key, 2 * WINDOW_SECONDS))
        return cast(int, replies[0]) if replies else 0

    def _count_in_process(self, caller: str, window: int) -> int:
        with self._lock:
            if window != self._window:
                self._window, self._counts = window, {}
            self._counts[caller] = used = self._counts.get(caller, 0) + 1
            return used


def init_app(app: Flask) -> None:
    """Limit the write requests to `app`, unless its settings turn the limit off."""
    settings: Settings = app.config["SETTINGS"]
    app.extensions["rate_limiter"] = RateLimiter(settings) if settings.write_limit else None

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in g.get("rate_limit", ()):
            response.headers.add(name, value)
        return response


def count_request() -> None:
    """Count the current request if it is a write; raise `TooManyRequests` if the caller has exceeded the limit."""
    limiter: RateLimiter | None = current_app.extensions["rate_limiter"]
    if limiter and request.method not in ("GET", "HEAD"):
        limiter.count(str(auth.user_id() or client_network()))
