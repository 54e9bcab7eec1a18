"""Hot reads: answers kept in Redis, as rendered bytes with their ETag, for as long as they are true.

    @posts.lists("", PostSchema)
    @hot(Post, Tag, until=next_publication)
    def list_posts(): ...

`hot` beside a view says what its answers are read from, besides the schema's own model and the includes that are asked
for, which the API layer knows; `reads` says the same of what is not kept, or only called by others. A test run fails
if a view read something that was not declared.

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
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import flask_caching
from flask import Flask
from flask_caching.backends.rediscache import RedisCache

from blog_app.config import DATABASE_NAMES
from blog_app.data import models, watermarks
from blog_app.data.cache_counters import counters
from blog_app.data.databases.dependencies import is_watermarked, tables_in
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.reading import Look, Wanted, look

F = TypeVar("F", bound=Callable[..., Any])
LIFETIME = 3600
JITTER = 0.2
FLIGHT_SECONDS = 3.0
"""How long a filler may take before others stop believing that it lives."""
PATIENCE = 0.5
"""How long others wait for it."""
POLL = 0.01


class Undeclared(AssertionError):
    """A read was made of something that nobody declared: a change of it would not be noticed."""


@dataclass(frozen=True)
class Reads:
    """What a view is read from, and how its answers are kept."""

    models: tuple[Any, ...]
    kept: bool = False
    row: str | None = None
    """The value of the path that names the row which is shown."""
    until: Callable[[], float | None] | None = None
    """Returns the seconds until the answers change by themselves, None for never."""
    at_most: float = LIFETIME
    """Seconds for which an answer is kept at most."""
    by_caller: tuple[Any, ...] = ()
    """What is read besides when the answer is one caller's alone."""


def hot(
    *models: Any,
    row: str | None = None,
    until: Callable[[], float | None] | None = None,
    at_most: float = LIFETIME,
    by_caller: tuple[Any, ...] = (),
) -> Callable[[F], F]:
    """Keep the answers of a view, which reads these models besides its schema's own.

    A model may also be a function that has declared what it `reads`. `row`: the value of the path by which one row of
    the schema's model is shown, by its key. `until` is asked before the data, of the same server. `at_most`: for
    answers with counters, which leave no marks. `by_caller`: models that are read besides when an answer is for one
    caller alone, and is not kept.
    """
    return _declare(Reads(_models(models), True, row, until, at_most, _models(by_caller)))


def reads(*models: Any, row: str | None = None) -> Callable[[F], F]:
    """Say what a function reads, so that replicas may answer it, and hot views may call it."""
    return _declare(Reads(_models(models), row=row))


def _models(declared: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(model for each in declared for model in (each.reads.models if reads_of(each) else (each,)))


def _declare(declared: Reads) -> Callable[[F], F]:
    def declare(function: F) -> F:
        function.reads = declared  # type: ignore[attr-defined]
        return function

    return declare


def reads_of(function: Any) -> Reads | None:
    """Return what a function declared, None if it did not."""
    found = getattr(function, "reads", None)
    return found if isinstance(found, Reads) else None


class Answer(NamedTuple):
    """A response's body, and what its headers are made of."""

    etag: str
    stored: float
    """When it was read, in seconds since 1970."""
    content_type: str
    link: str
    """The value of the `Link` header; empty for none."""
    body: bytes
    about: tuple[str, ...] = ()
    """What it shows, for those who watch reads (`Meta.about` of its schema)."""

    def dumps(self) -> bytes:
        head = "\n".join((self.etag, repr(self.stored), self.content_type, self.link, " ".join(self.about), ""))
        return head.encode() + self.body

    @classmethod
    def loads(cls, value: bytes) -> Answer:
        etag, stored, content_type, link, about, body = value.split(b"\n", 5)
        return cls(
            etag.decode(), float(stored), content_type.decode(), link.decode(), body, tuple(about.decode().split())
        )


_cache = flask_caching.Cache()


class Plain:
    """A serializer for what is bytes already."""

    @staticmethod
    def dumps(value: bytes) -> bytes:
        return value

    @staticmethod
    def loads(value: bytes | None) -> bytes | None:
        return value


class Client:
    """What Flask-Caching takes for a Redis client: the connections of the watermarks."""

    @staticmethod
    def mget(keys: list[str]) -> list[bytes | None]:
        assert watermarks.keeper
        return watermarks.keeper.link.mget(keys)


class Backend(RedisCache):
    """Flask-Caching's Redis backend, over the connections of the watermarks, with values that cannot run code."""

    serializer = Plain()

    @classmethod
    def factory(cls, app: Flask, config: dict[str, Any], args: list[Any], kwargs: dict[str, Any]) -> Backend:
        return cls(host=Client(), **kwargs)


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
    view: str, found: Look | None, wanted: Wanted, produce: Callable[[], Answer], declared: Reads
) -> tuple[Answer, str]:
    """Return the answer and how it came about: hit, miss or bypass. What `produce` raises is passed on."""
    started = time.monotonic()
    result, how = _answer(found, wanted, produce, declared)
    if how == "hit":
        counters.hit(view)
    elif how == "miss":
        counters.miss(view, time.monotonic() - started)
    else:
        counters.bypass(view)
    return result, how


def _answer(found: Look | None, wanted: Wanted, produce: Callable[[], Answer], declared: Reads) -> tuple[Answer, str]:
    patience = time.monotonic() + PATIENCE
    while found is not None:
        if (kept := found.hit()) is not None:
            return Answer.loads(kept), "hit"
        if found.busy():
            break
        if found.take_off(FLIGHT_SECONDS) or time.monotonic() > patience:
            return _fill(found, produce, declared)
        time.sleep(POLL)
        (found,) = glance(wanted)
    return produce(), "bypass"


def _fill(found: Look, produce: Callable[[], Answer], declared: Reads) -> tuple[Answer, str]:
    """Produce the answer and keep it, if nothing changed meanwhile."""
    deadline = time.monotonic() + declared.at_most * random.uniform(1 - JITTER, 1)  # noqa: S311

    def timed() -> Answer:
        nonlocal deadline
        asked = time.monotonic()
        left = declared.until() if declared.until else None
        if left is not None:
            deadline = min(deadline, asked + left)
        return produce()

    def keep(result: Answer) -> bool:
        return found.store(result.dumps(), deadline)

    try:
        if not found.establish():
            return produce(), "bypass"
        return found.read(timed, keep), "miss"
    finally:
        found.land()


def require_declared(statements: list[str], declared: Iterable[tuple[str, str]]) -> None:
    """Raise `Undeclared` if the statements read tables that are none of the declared collections'."""
    known = {(name, collection.partition("/")[0]) for name, collection in declared}
    known |= {(name, epochs.TABLE) for name in DATABASE_NAMES}
    known |= {
        (name, model._meta.table_name)
        for name in DATABASE_NAMES
        for model in models.of(name)
        if not is_watermarked(model)
    }
    strange = tables_in(statements) - known
    if strange:
        raise Undeclared(f"read, but not declared: {', '.join(sorted('.'.join(pair) for pair in strange))}")
