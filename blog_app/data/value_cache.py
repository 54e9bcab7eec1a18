"""Flask-Caching for values of application code, under the same promise as cached responses.

    @cache.memoize(timeout=60, reads=(Post, Tag))
    def most_used_tags(limit: int) -> list[str]: ...

An entry is valid until something that it `reads` is written; without `reads`, until anything is written anywhere. It
is stored only if nothing was written between the `get` that missed and the `set`; what is read in between comes from
the primary. A `set` without a `get` before it stores whatever it is given. A view that is `hot` and calls such a
function declares it, as it declares a model.

`cached`, `get`, `set`, `add`, `has`, `delete` and the others work as Flask-Caching documents them, with these limits:
a value is JSON (nothing is unpickled); it lives an hour at most; in a transaction, and without Redis, nothing is
found or stored. `clear` begins a new epoch, which ends every cached value and response. Responses of views are better
declared `hot` (docs/decisions/0012-flask-caching.md).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import cache as once, wraps
from typing import Any

import flask_caching
import orjson
from flask import Flask
from flask_caching.backends.base import BaseCache

from blog_app.config import DATABASE_NAMES
from blog_app.data import databases
from blog_app.data.cache import LIFETIME, MAX_ENTRY_BYTES, look_up, reads, reads_of
from blog_app.data.databases import routing
from blog_app.data.databases.dependencies import is_watermarked, read_dependencies
from blog_app.data.models import models_of
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.lookup import CacheKey, Lookup
from blog_app.data.watermarks.redis_link import RedisUnreachable

MAX_FILLS = 100
Collections = tuple[tuple[str, str], ...]
_declared: ContextVar[Collections | None] = ContextVar("declared", default=None)
"""What the memoized function that is called reads; None: everything."""


class Backend(BaseCache):
    """The backend: each entry is stored with the marks of the collections that it reads."""

    def __init__(self, default_timeout: int = LIFETIME, **_options: Any) -> None:
        super().__init__(default_timeout)
        self._thread = threading.local()

    @classmethod
    def factory(cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> Backend:
        return cls(**kwargs)

    def get(self, key: str) -> Any:
        found = self._look_up(key)
        value = found.hit() if found else None
        if value is not None:
            return orjson.loads(value)
        if found and found.establish():
            for name in set(found.names):
                routing.to_primary(name)  # A replica may lack what only this value reads.
            if len(self._fills) >= MAX_FILLS:
                self._fills.clear()
            self._fills[key] = found
        return None

    def has(self, key: str) -> bool:
        found = self._look_up(key)
        return found is not None and found.hit() is not None

    def set(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        data = orjson.dumps(value)
        if orjson.loads(data) != value:
            raise TypeError("JSON does not give back what was cached: use lists, dicts with text keys, texts, numbers")
        found = self._fills.pop(key, None) or self._look_up(key)
        if found is None or len(data) > MAX_ENTRY_BYTES or not found.establish():
            return False
        seconds = min(self._normalize_timeout(timeout) or LIFETIME, LIFETIME)
        return found.store(data, time.monotonic() + seconds)

    def add(self, key: str, value: Any, timeout: int | timedelta | None = None) -> bool:
        return not self.has(key) and self.set(key, value, timeout)

    def delete(self, key: str) -> bool:
        self._fills.pop(key, None)
        found = self._look_up(key)
        try:
            return bool(found and found.lease_manager.link.call(found.redis, "DEL", found.entry))
        except RedisUnreachable:
            return False

    def clear(self) -> bool:
        for name in DATABASE_NAMES:
            epochs.close(databases.BY_NAME[name].obj)
        return True

    @property
    def _fills(self) -> dict[str, Lookup]:
        """What this thread's `get` has missed and `set` may store."""
        return self._thread.__dict__.setdefault("fills", {})

    def _look_up(self, key: str) -> Lookup | None:
        return look_up(CacheKey(_declared.get() or _everything(), f"value {key}"))[0]


class ValueCache(flask_caching.Cache):
    """Flask-Caching, whose decorators take what the function `reads`: models, and functions that declare the same."""

    def memoize(self, *args: Any, reads: Iterable[Any] | None = None, **options: Any) -> Any:
        return self._with_reads(super().memoize(*args, **options), reads)

    def cached(self, *args: Any, reads: Iterable[Any] | None = None, **options: Any) -> Any:
        return self._with_reads(super().cached(*args, **options), reads)

    def delete_memoized(self, f: Any, *args: Any, **kwargs: Any) -> None:
        with _reading(f):
            super().delete_memoized(f, *args, **kwargs)

    def _with_reads(self, decorate: Callable[[Any], Any], models: Iterable[Any] | None) -> Callable[[Any], Any]:
        if models is None:
            return decorate
        declare = reads(*models)

        def decorated(function: Any) -> Any:
            cached = decorate(function)

            @wraps(cached)
            def call(*args: Any, **options: Any) -> Any:
                with _reading(call):
                    return cached(*args, **options)

            found: Any = declare(call)
            found.delete_memoized = lambda: self.delete_memoized(found)
            return found

        return decorated


@contextmanager
def _reading(function: Any) -> Iterator[None]:
    """Let entries live under the marks of what the function declares."""
    declared = reads_of(function)
    before = _declared.set(_collections(declared.models) if declared else None)
    try:
        yield
    finally:
        _declared.reset(before)


@once
@once
def _collections(models: tuple[Any, ...]) -> Collections:
    return tuple(dict.fromkeys(pair for model in models for pair in read_dependencies(model)))


@once
def _everything() -> Collections:
    return _collections(tuple(model for name in DATABASE_NAMES for model in models_of(name) if is_watermarked(model)))


cache = ValueCache(with_jinja2_ext=False)


def init_app(app: Flask) -> None:
    """Give `app` this cache."""
    app.config.update(CACHE_TYPE=f"{Backend.__module__}.{Backend.__name__}", CACHE_DEFAULT_TIMEOUT=LIFETIME)
    cache.init_app(app)
    cache.app = app  # Reads before Flask have no app context.
