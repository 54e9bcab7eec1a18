"""Hot reads: answers kept in Redis, as rendered bytes with their ETag, for as long as they are true.

Guarantee: what comes from here is what the primary would have answered (see the watermarks package for the promise and
its limits). Errors are never kept.

* A hit is one MGET; no database, no serialisation, and `If-None-Match` is answered from it.
* Of several that miss the same entry, in whatever process, one fills it; the others wait briefly, then read too.
* An entry lives about an hour; it ends earlier when a write changes a mark, or at the instant at which its answer
  changes by itself, which the filler computes before it reads the data.
* Kept values are bytes; nothing is unpickled.

Flask-Caching's Redis backend does the fetching. Without Redis there is nothing to configure, and nothing to pay.
"""

from __future__ import annotations

import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import flask_caching
from flask import Flask
from flask_caching.backends.rediscache import RedisCache

from blog_app import watermarks
from blog_app.watermarks.reading import Look, Wanted, look

LIFETIME = 3600
JITTER = 0.1
FLIGHT_SECONDS = 3.0
"""How long a filler may take before others stop believing that it lives."""
PATIENCE = 0.5
"""How long others wait for it."""
POLL = 0.01


class Answer(NamedTuple):
    """A response's body, and what its headers are made of."""

    etag: str
    stored: float
    """When it was read, in seconds since 1970."""
    content_type: str
    link: str
    """The value of the `Link` header; empty for none."""
    body: bytes

    def dumps(self) -> bytes:
        head = "\n".join((self.etag, repr(self.stored), self.content_type, self.link, ""))
        return head.encode() + self.body

    @classmethod
    def loads(cls, value: bytes) -> Answer:
        etag, stored, content_type, link, body = value.split(b"\n", 4)
        return cls(etag.decode(), float(stored), content_type.decode(), link.decode(), body)


@dataclass
class Counters:
    """What happened to the requests of one view in this process."""

    hit: int = 0
    miss: int = 0
    bypass: int = 0
    """Answered without the cache: Redis or the lease was away, or a write was under way."""
    fill_seconds: float = 0.0


counters: defaultdict[str, Counters] = defaultdict(Counters)
_counting = threading.Lock()
_cache = flask_caching.Cache()


class Plain:
    """A serializer for what is bytes already."""

    @staticmethod
    def dumps(value: bytes) -> bytes:
        return value

    @staticmethod
    def loads(value: bytes | None) -> bytes | None:
        return value


class Backend(RedisCache):
    """Flask-Caching's Redis backend, over the connections of the watermarks, with values that cannot run code."""

    serializer = Plain()

    @classmethod
    def factory(cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> Backend:
        assert watermarks.keeper
        return cls(host=watermarks.keeper.link, **kwargs)


def init_app(app: Flask) -> None:
    """Keep hot answers in the app's Redis, if it has one."""
    kind = f"{Backend.__module__}.{Backend.__name__}" if watermarks.keeper else "NullCache"
    app.config.update(CACHE_TYPE=kind, CACHE_DEFAULT_TIMEOUT=LIFETIME, CACHE_NO_NULL_WARNING=True)
    _cache.init_app(app)


def glance(*wanted: Wanted) -> list[Look | None]:
    """Return what Redis has of each, by one MGET; None where it may not be believed."""
    keeper = watermarks.keeper
    return look(keeper, *wanted, fetch=_cache.cache.get_many) if keeper else [None] * len(wanted)


def answer(
    view: str,
    found: Look | None,
    wanted: Wanted,
    produce: Callable[[], Answer],
    until: Callable[[], float | None] | None = None,
) -> tuple[Answer, str]:
    """Return the answer and how it came about: hit, miss or bypass.

    `produce` reads and renders; what it raises is passed on. `until` returns the seconds until the answer changes by
    itself, None for never; it is asked before the data.
    """
    started = time.monotonic()
    result, how = _answer(found, wanted, produce, until)
    with _counting:
        counts = counters[view]
        setattr(counts, how, getattr(counts, how) + 1)
        if how == "miss":
            counts.fill_seconds += time.monotonic() - started
    return result, how


def _answer(
    found: Look | None, wanted: Wanted, produce: Callable[[], Answer], until: Callable[[], float | None] | None
) -> tuple[Answer, str]:
    patience = time.monotonic() + PATIENCE
    while found is not None:
        if (kept := found.hit()) is not None:
            return Answer.loads(kept), "hit"
        if found.busy():
            break
        if found.take_off(FLIGHT_SECONDS) or time.monotonic() > patience:
            return _fill(found, produce, until)
        time.sleep(POLL)
        (found,) = glance(wanted)
    return produce(), "bypass"


def _fill(found: Look, produce: Callable[[], Answer], until: Callable[[], float | None] | None) -> tuple[Answer, str]:
    """Produce the answer and keep it, if nothing changed meanwhile."""
    deadline = time.monotonic() + LIFETIME * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311

    def timed() -> Answer:
        nonlocal deadline
        asked = time.monotonic()
        left = until() if until else None
        if left is not None:
            deadline = min(deadline, asked + left)
        return produce()

    def keep(result: Answer) -> bool:
        return found.store(result.dumps(), deadline - time.monotonic())

    try:
        if not found.establish():
            return produce(), "bypass"
        return found.read(timed, keep), "miss"
    finally:
        found.land()
