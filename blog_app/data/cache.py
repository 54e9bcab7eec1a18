"""The response cache: responses to hot reads, kept in Redis as rendered bytes with their ETag while they are valid.

    @posts.lists("", PostSchema)
    @hot(Post, Tag, until=next_publication)
    def list_posts(): ...

`hot` on a view declares what its responses are read from, besides the schema's own model and the includes that are
asked for, which the API layer knows; `reads` declares the same for views that are not cached and for functions that
others call. A test run fails if a view reads something that it did not declare.

Invalidation: see `blog_app.data.watermarks`. Guarantee: a cached response is what the primary would have returned
(`docs/reference/cache-and-replicas.md` has the limits). Errors are never cached.
A response is stored when it is asked for a second time within minutes: what is asked only once, as most of a blog's old
posts and whatever strangers make up, costs Redis no memory and the reader no locks. Cached values are bytes; nothing is
unpickled. For values of application code there is `blog_app.data.value_cache`.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from flask import Flask

from blog_app.config import DATABASE_NAMES
from blog_app.data import databases, models, watermarks
from blog_app.data.cache_counters import counters
from blog_app.data.databases.dependencies import is_watermarked, tables_in
from blog_app.data.watermarks import epochs, lookup
from blog_app.data.watermarks.lookup import CacheKey, Lookup

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
LIFETIME = 3600
"""Seconds that an entry lives at most."""
JITTER = 0.2
FILL_LOCK_SECONDS = 3.0
"""How long the process that fills an entry may take before others stop waiting for it."""
FILL_WAIT_SECONDS = 0.5
"""How long the others wait."""
POLL_SECONDS = 0.01
MAX_ENTRY_BYTES = 1_000_000
"""A larger response is not stored."""
NO_SLOTS = nullcontext()
"""For what needs no slot."""


class UndeclaredRead(AssertionError):
    """A view read something that it did not declare: a change of it would not invalidate the cached response."""


@dataclass(frozen=True)
class Reads:
    """What a view is read from, and how its responses are cached."""

    models: tuple[Any, ...]
    cached: bool = False
    row: str | None = None
    """The path variable that names the row which is shown."""
    until: Callable[[], float | None] | None = None
    """Returns the seconds until the response changes by itself, None for never."""
    lifetime: float = LIFETIME
    """Seconds that a response is cached at most."""
    per_caller: tuple[Any, ...] = ()
    """What is read besides when the response is one caller's alone."""


def hot(
    *models: Any,
    row: str | None = None,
    until: Callable[[], float | None] | None = None,
    lifetime: float = LIFETIME,
    per_caller: tuple[Any, ...] = (),
) -> Callable[[F], F]:
    """Cache the responses of a view, which reads these models besides its schema's own.

    A model may also be a function that has declared what it `reads`. `row`: the path variable by which one row of
    the schema's model is shown, by its key. `until` is asked before the data, of the same server. `lifetime`: for
    responses with counters, which leave no marks. `per_caller`: models that are read besides when a response is for
    one caller alone, and is not cached.
    """
    return _declare(Reads(_models(models), True, row, until, lifetime, _models(per_caller)))


def reads(*models: Any, row: str | None = None) -> Callable[[F], F]:
    """Declare what a function reads, so that replicas may answer it, and hot views may call it."""
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


class Representation(NamedTuple):
    """The body of a response to a GET, and what its headers are made of (RFC 9110, section 3.2)."""

    etag: str
    read_at: float
    """When it was read, in seconds since 1970."""
    content_type: str
    link: str
    """The value of the `Link` header; empty for none."""
    body: bytes
    hook_values: tuple[str, ...] = ()
    """What read hooks get of an item: the values of `Meta.hook_columns` of its schema."""
    encoding: str = ""
    """The content coding of the body; empty for none."""

    def dumps(self) -> bytes:
        values = " ".join(self.hook_values)
        head = (self.etag, repr(self.read_at), self.content_type, self.link, values, self.encoding, "")
        return "\n".join(head).encode() + self.body

    @classmethod
    def loads(cls, value: bytes) -> Representation:
        *head, body = value.split(b"\n", 6)
        etag, read_at, content_type, link, values, encoding = map(bytes.decode, head)
        return cls(etag, float(read_at), content_type, link, body, tuple(values.split()), encoding)


Encode = Callable[[Representation], Representation]
_stores_at_once = False


def init_app(app: Flask) -> None:
    """Cache hot responses as the settings of `app` say."""
    global _stores_at_once
    _stores_at_once = app.config["SETTINGS"].cache_at_request == 1


def look_up(*keys: CacheKey) -> list[Lookup | None]:
    """Return what Redis has for each key, by one MGET; None where it may not be trusted, or did not answer."""
    lease_manager = watermarks.lease_manager
    if lease_manager is None:
        return [None] * len(keys)
    return lookup.look_up(lease_manager, keys)


def respond(
    view: str,
    found: Lookup | None,
    key: CacheKey,
    produce: Callable[[], Representation],
    declared: Reads,
    slots: AbstractContextManager[None] = NO_SLOTS,
    encode: Encode | None = None,
) -> tuple[Representation, str]:
    """Return the representation, and whether it is a hit, a miss or a bypass; raise what `produce` raises.

    `found` is what `look_up` returned for the key; `view` names the counters. What is no hit takes one of the slots,
    and raises `Busy` without one. What is stored is encoded by `encode` before.
    """
    if found and (cached := found.hit()) is not None:
        counters.count(view, "hit")
        return Representation.loads(cached), "hit"
    started = time.monotonic()
    with slots:
        result, outcome = _respond(found, key, produce, declared, encode)
    counters.count(view, outcome, time.monotonic() - started)
    return result, outcome


def _respond(
    found: Lookup | None,
    key: CacheKey,
    produce: Callable[[], Representation],
    declared: Reads,
    encode: Encode | None,
) -> tuple[Representation, str]:
    new = found and found.value is None and not _stores_at_once and not found.watch_pending_writes()
    if found and new and found.is_first_request():
        return _read_current(found, key, produce), "miss"
    deadline = time.monotonic() + FILL_WAIT_SECONDS
    while found is not None:
        if (cached := found.hit()) is not None:
            return Representation.loads(cached), "hit"
        if found.watch_pending_writes():
            break
        if found.lock_fill(FILL_LOCK_SECONDS) or time.monotonic() > deadline:
            return _fill(found, produce, declared, encode)
        time.sleep(POLL_SECONDS)
        (found,) = look_up(key)
    return produce(), "bypass"


def _fill(
    found: Lookup, produce: Callable[[], Representation], declared: Reads, encode: Encode | None
) -> tuple[Representation, str]:
    """Produce the representation; cache it if nothing changed meanwhile."""
    expires = time.monotonic() + declared.lifetime * random.uniform(1 - JITTER, 1)  # noqa: S311

    def produce_with_expiry() -> Representation:
        nonlocal expires
        asked = time.monotonic()
        if declared.until and (left := declared.until()) is not None:
            expires = min(expires, asked + left)
        produced = produce()
        return encode(produced) if encode else produced

    def store(result: Representation) -> bool:
        value = result.dumps()
        return found.store(value, expires) if len(value) <= MAX_ENTRY_BYTES else found.unchanged()

    try:
        if not found.establish():
            return produce(), "bypass"
        return found.read(produce_with_expiry, store), "miss"
    finally:
        found.unlock_fill()


def read_uncached(collections: Iterable[tuple[str, str]], produce: Callable[[], T]) -> T:
    """Return what `produce` reads, from replicas that have every write to the collections, or from the primary."""
    key = CacheKey(tuple(collections))
    found = look_up(key)[0] if _has_replicas(key) else None
    return _read_current(found, key, produce)


def _read_current(found: Lookup | None, key: CacheKey, produce: Callable[[], T]) -> T:
    if found and _has_replicas(key) and not found.watch_pending_writes() and found.establish():
        return found.read(produce)
    return produce()


def _has_replicas(key: CacheKey) -> bool:
    return any(databases.BY_NAME[name].rotation for name, _ in key.collections)


def require_declared(statements: list[str], declared: Iterable[tuple[str, str]]) -> None:
    """Raise `UndeclaredRead` if the statements read tables that are in none of the declared collections."""
    known = {(name, collection.partition("/")[0]) for name, collection in declared}
    for name in DATABASE_NAMES:
        known.add((name, epochs.TABLE))
        known |= {(name, model._meta.table_name) for model in models.models_of(name) if not is_watermarked(model)}
    if undeclared := tables_in(statements) - known:
        raise UndeclaredRead(f"read, but not declared: {', '.join(sorted('.'.join(pair) for pair in undeclared))}")
