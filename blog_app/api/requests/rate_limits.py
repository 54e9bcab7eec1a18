"""Rate limits: how many requests of a group a caller, and an address, may send within any minute.

| group     | what is counted                                                             | setting         |
|-----------|-----------------------------------------------------------------------------|-----------------|
| `writes`  | POST, PUT, PATCH and DELETE, but for those of `sign-in`                     | `WRITE_LIMIT`   |
| `sign-in` | what takes a password or mails a token (`permissions.SIGN_INS`)             | `SIGN_IN_LIMIT` |
| `search`  | lists with `q` that are not served from the cache                           | `SEARCH_LIMIT`  |
| `reads`   | other lists that are not served from the cache                              | `READ_LIMIT`    |

A cached response costs less than counting it would, and a single item hardly more, so neither is counted. A caller is a
user, or all who are nobody at one address. An address, with all its users, may send `ADDRESS_LIMIT_FACTOR` times as
much.

Guarantee: within any 60 seconds no more than the limit is let through (sliding window: whole pieces of 10 seconds, so a
request counts for 60 to 70 seconds). What is refused is not counted. Requests are counted in Redis, for all processes
together and by one round trip; while Redis is not available each process counts for itself, which is looser. The
headers are those of draft-ietf-httpapi-ratelimit-headers.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from contextvars import ContextVar
from math import ceil
from typing import Any, NamedTuple
from uuid import UUID

from flask import Flask, Response, current_app

from blog_app.api import auth
from blog_app.api.client_address import address_behind, client_network, network_of
from blog_app.config import Settings
from blog_app.data import watermarks
from blog_app.data.watermarks.redis_link import HASHES
from blog_app.errors import TooManyRequests
from blog_app.permissions import SIGN_INS

WINDOW_SECONDS = 60
PIECE_SECONDS = 10
PIECES = WINDOW_SECONDS // PIECE_SECONDS + 1
"""The pieces in which the last 60 seconds are: the first and the last of them are not whole."""
clock = time.time

_headers: ContextVar[tuple[tuple[str, str], ...]] = ContextVar("rate_limit", default=())


class Usage(NamedTuple):
    """What has been let through within the window, and the oldest piece in which something was."""

    used: int
    oldest: int


class RateLimiter:
    """Counts the requests of all groups."""

    def __init__(self, settings: Settings) -> None:
        self.limits = {
            "writes": settings.write_limit,
            "sign-in": settings.sign_in_limit,
            "search": settings.search_limit,
            "reads": settings.read_limit,
        }
        self._factor = settings.address_limit_factor
        self._pieces: dict[int, Counter[str]] = {}
        self._lock = threading.Lock()

    def count(self, group: str, user_id: UUID | None, network: str) -> None:
        """Count a request; raise `TooManyRequests` beyond a limit."""
        limit = self.limits[group]
        if not limit:
            return
        now = clock()
        piece = int(now // PIECE_SECONDS)
        keys = f"limit:{group}:{user_id or network}", f"limit:{group}@{network}"
        limits = limit, limit * self._factor
        allowed, usages = self._count_in_redis(piece, keys, limits) or self._count_in_process(piece, keys, limits)
        left, name, quota, oldest = min(
            (quota - usage.used, name, quota, usage.oldest)
            for name, quota, usage in zip((group, f"{group}-per-address"), limits, usages, strict=True)
        )
        seconds = ceil((oldest + PIECES) * PIECE_SECONDS - now)
        headers = (
            ("RateLimit-Policy", f'"{name}";q={quota};w={WINDOW_SECONDS}'),
            ("RateLimit", f'"{name}";r={max(0, left)};t={seconds}'),
        )
        _headers.set(headers)
        if not allowed:
            raise TooManyRequests(
                f"Rate limit {name!r} of {quota} requests per minute exceeded. Retry in {seconds} seconds.",
                headers={"Retry-After": str(seconds)},
            )

    def _count_in_redis(
        self, piece: int, keys: tuple[str, ...], limits: tuple[int, ...]
    ) -> tuple[bool, list[Usage]] | None:
        """Return whether the request is let through, and the usage of each key; None if Redis is not available."""
        names = map(watermarks.redis_key, keys)
        command = ("EVALSHA", HASHES["LIMIT"], len(keys), *names, piece, PIECES, 2 * WINDOW_SECONDS, *limits)
        replies = watermarks.ask_redis(command)
        if not replies:
            return None
        allowed, *usages = replies[0]
        return bool(allowed), [Usage(*usage) for usage in usages]

    def _count_in_process(self, piece: int, keys: tuple[str, ...], limits: tuple[int, ...]) -> tuple[bool, list[Usage]]:
        with self._lock:
            self._pieces = {each: counts for each, counts in self._pieces.items() if each > piece - PIECES}
            current = self._pieces.setdefault(piece, Counter())
            before = [sum(counts[key] for counts in self._pieces.values()) for key in keys]
            allowed = all(used < limit for used, limit in zip(before, limits, strict=True))
            if allowed:
                current.update(keys)
            return allowed, [Usage(used + allowed, self._oldest(key)) for used, key in zip(before, keys, strict=True)]

    def _oldest(self, key: str) -> int:
        return min((piece for piece, counts in self._pieces.items() if counts[key]), default=max(self._pieces))


def init_app(app: Flask) -> None:
    """Limit the requests to `app` as its settings say."""
    app.extensions["rate_limiter"] = RateLimiter(app.config["SETTINGS"])

    @app.after_request
    def add_headers(response: Response) -> Response:
        for name, value in _headers.get():
            response.headers.add(name, value)
        return response


def count_write(endpoint: str) -> None:
    """Count the current request, which changes something; raise `TooManyRequests` beyond the limit."""
    group = "sign-in" if endpoint in SIGN_INS else "writes"
    _limiter(current_app).count(group, auth.user_id(), client_network())


def count_list(app: Flask, query_string: bytes, user_id: UUID | None, environ: dict[str, Any]) -> None:
    """Count a list that is read from a database; raise `TooManyRequests` beyond the limit."""
    limiter = _limiter(app)
    group = "search" if b"&q=" in b"&" + query_string else "reads"
    if limiter.limits[group]:
        settings: Settings = app.config["SETTINGS"]
        remote, forwarded = environ.get("REMOTE_ADDR", ""), environ.get("HTTP_X_FORWARDED_FOR", "")
        limiter.count(group, user_id, network_of(address_behind(settings.proxies, remote, forwarded)))


def headers() -> tuple[tuple[str, str], ...]:
    """Return the headers that say what is left; empty if the request was not counted."""
    return _headers.get()


def clear() -> None:
    """Forget the request of this thread."""
    if _headers.get():
        _headers.set(())


def _limiter(app: Flask) -> RateLimiter:
    found: RateLimiter = app.extensions["rate_limiter"]
    return found
