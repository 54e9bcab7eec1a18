"""The read path: the marks of some collections, the cached entry built from them, and whether it is still valid.

1. A lease on each epoch; without one the primary answers and nothing is cached.
2. One MGET: the entry, and the marks.
3. The entry begins with the marks as they are now, and has not expired: it is a hit.
4. A mark with a token: a write is pending; the primary answers, nothing is stored.
5. A missing mark is established: a token, then a position, then both settled. The data is read after that, which is
   simpler than settling with the fill, and keeps the same promise (`tests/data/watermarks/model`).
6. All marks clean: a replica that has replayed up to the highest may answer, or the primary.
7. STORE, only if the marks still are what they were before the data was read. After a replica's answer this decides
   whether its result counts: a replica may show a commit before the primary does. If there is nothing to store, the
   marks are compared all the same.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from hashlib import blake2b
from typing import Any, NamedTuple, TypeVar

from blog_app.data import databases
from blog_app.data.databases import routing
from blog_app.data.databases.replicas import Replica, Unusable
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.epochs import OPEN, EpochRow
from blog_app.data.watermarks.leases import MARK_LIFETIME, LeaseManager, epoch_prefix, mark_key
from blog_app.data.watermarks.redis_link import RedisUnreachable

log = logging.getLogger(__name__)
T = TypeVar("T")

ASKED_SECONDS = 300
ASKED_BITS = 1 << 22
"""With 50,000 different requests in that time, one in eighty is taken for one that was asked before."""

EXPIRY_LENGTH = 17
"""Characters in which an entry says when it expires: seconds since 1970."""


class CacheKey(NamedTuple):
    """The collections that a read depends on, and the name under which its result is cached."""

    collections: tuple[tuple[str, str], ...]
    """Logical database and collection."""
    entry: str = ""
    """Empty: the result is not cached."""


class Lookup:
    """What one MGET found for a key: the marks of its collections, and the entry that was built from them."""

    __slots__ = ("_fills", "asked", "entry", "keys", "lease_manager", "marks", "names", "rows", "value")

    def __init__(self, lease_manager: LeaseManager, rows: tuple[EpochRow, ...], key: CacheKey) -> None:
        self.lease_manager = lease_manager
        self.rows = rows
        self.names, self.keys, entry_prefix, self.asked = _keys(
            lease_manager.link.prefix, key.collections, tuple([row.epoch for row in rows])
        )
        self.entry = entry_prefix + key.entry
        self.marks: list[bytes | None] = []
        self.value: bytes | None = None
        self._fills = False
        """Whether this lookup holds the fill lock."""

    @property
    def redis(self) -> str:
        """The run id of the Redis process that holds the marks and the entry."""
        return self.rows[0].redis

    def hit(self) -> bytes | None:
        """Return the cached value if it is still valid, else None."""
        if self.value is None or None in self.marks:
            return None
        stamp = b" ".join(self.marks) + b"\n"  # type: ignore[arg-type]
        if not self.value.startswith(stamp):
            return None
        begin = len(stamp) + EXPIRY_LENGTH
        return self.value[begin:] if time.time() < float(self.value[len(stamp) : begin]) else None

    def watch_pending_writes(self) -> bool:
        """Return whether a write is pending, so that nothing may be stored; watch its tokens, which may be dangling."""
        pending = False
        for name, key, mark in zip(self.names, self.keys, self.marks, strict=True):
            if mark is not None and b"+" in mark:
                self.lease_manager.watch_tokens(name, key, mark)
                pending = True
        return pending

    def establish(self) -> bool:
        """Establish missing marks; return whether all are clean, so that what is read from now on may be stored."""
        missing = [place for place, mark in enumerate(self.marks) if mark is None]
        if missing:
            token = f"r{secrets.token_hex(8)}"
            try:
                self._establish(missing, token)
            except RedisUnreachable:
                return False
        return None not in self.marks and not self.watch_pending_writes()

    def _establish(self, missing: list[int], token: str) -> None:
        new = (f"{0:016}.+{token};", "NX", "EX", MARK_LIFETIME)
        placed = self.lease_manager.link.calls(self.redis, *[("SET", self.keys[place], *new) for place in missing])
        for name, row in self._by_name():
            mine = [place for place, done in zip(missing, placed, strict=True) if done and self.names[place] == name]
            if not mine:
                continue
            position = epochs.position(self.lease_manager.server(name))
            settled = self.lease_manager.settle(row, [self.keys[place] for place in mine], token, position, token)
            for place, mark in zip(mine, settled, strict=True):
                self.marks[place] = mark

    def read(self, produce: Callable[[], T], store: Callable[[T], bool] | None = None) -> T:
        """Return what `produce` reads: from replicas that have replayed up to the marks, or from the primary.

        A result from replicas counts only if the marks are the same afterwards; else `produce` runs again, on the
        primary. `store` stores the result and returns whether the marks were the same.
        """
        routes = {
            name: ReplicaRoute(name, row, replica, self._highest(name))
            for name, row in self._by_name()
            if (replica := databases.BY_NAME[name].rotation.next())
        }
        error = None
        with routing.route_reads(routes):
            try:
                result = produce()
            except Exception as raised:  # A 404 is a result too: it counts, or not, like any other.
                error = raised
        used = any(route.used for route in routes.values())
        same = store(result) if store and error is None else not used or self.unchanged()
        if used and not same:
            return produce()
        if error:
            raise error
        return result

    def store(self, value: bytes, deadline: float) -> bool:
        """Cache `value` until an instant of the monotonic clock, if the marks are unchanged; return whether they are.

        The value carries the instant: Redis counts a time to live from when it receives it, which is later.
        """
        expires = time.time() + (deadline - time.monotonic())  # In this order: a delay in between makes it earlier.
        if expires <= time.time():
            return self.unchanged()
        stamp = b" ".join(self.marks) + b"\n" + f"{expires:0{EXPIRY_LENGTH}.6f}".encode()  # type: ignore[arg-type]
        milliseconds = max(1, round((deadline - time.monotonic()) * 1000))
        try:
            stored = self.lease_manager.link.script(
                self.redis, "STORE", [self.entry, *self.keys], stamp + value, milliseconds, *self.marks
            )
        except RedisUnreachable:
            return False
        self._fills = False
        return bool(stored)

    def unchanged(self) -> bool:
        """Return whether the marks are still what they were."""
        try:
            return bool(self.lease_manager.link.call(self.redis, "MGET", *self.keys) == self.marks)
        except RedisUnreachable:
            return False

    def is_first_request(self) -> bool:
        """Return whether nobody has asked for this entry in the last minutes; from now on somebody has.

        A bit for each entry, in one string for each window of time: what is asked only once costs no memory, and
        whatever is asked, the strings take a megabyte. Two entries may share a bit, which only stores one earlier.
        """
        place = int.from_bytes(blake2b(self.entry.encode(), digest_size=4).digest()) % ASKED_BITS
        window = int(time.time() // ASKED_SECONDS)
        before, this = (f"{self.asked}{number}" for number in (window - 1, window))
        commands = ("GETBIT", before, place), ("SETBIT", this, place, 1), ("EXPIRE", this, 2 * ASKED_SECONDS)
        try:
            asked_before, asked_now, _ = self.lease_manager.link.calls(self.redis, *commands)
        except RedisUnreachable:
            return True
        return not (asked_before or asked_now)

    def lock_fill(self, seconds: float) -> bool:
        """Acquire the fill lock of the entry; return whether this lookup holds it, and nobody has filled it since."""
        commands = ("SET", f"{self.entry}:filling", "1", "NX", "PX", round(seconds * 1000)), ("GET", self.entry)
        try:
            first, value = self.lease_manager.link.calls(self.redis, *commands)
        except RedisUnreachable:
            return True
        self._fills = bool(first)
        if self._fills and value != self.value:
            self.unlock_fill()
        return self._fills

    def unlock_fill(self) -> None:
        """Release the fill lock if this lookup holds it; storing the entry has released it."""
        if self._fills:
            self._fills = False
            with suppress(RedisUnreachable):
                self.lease_manager.link.call(self.redis, "DEL", f"{self.entry}:filling")

    def _by_name(self) -> Iterator[tuple[str, EpochRow]]:
        return zip(databases_of(self.names), self.rows, strict=True)

    def _highest(self, name: str) -> str:
        return max(
            mark[:16].decode() for each, mark in zip(self.names, self.marks, strict=True) if each == name and mark
        )


class ReplicaRoute:
    """Sends the reads of one request to one replica; at its first refusal the primary takes over."""

    def __init__(self, name: str, row: EpochRow, replica: Replica, position: str) -> None:
        self.name = name
        self.replica = replica
        self.used = False
        # Goes before each read, in the same message: only that says what the snapshot of the read contains.
        self.condition = (
            f"SELECT 1 / (pg_last_wal_replay_lsn() >= '{epochs.to_lsn(position)}' AND EXISTS (SELECT FROM "
            f"{epochs.table(name)} WHERE epoch = '{row.epoch}' AND status = '{OPEN}'))::int"
        )

    def read(self, sql: str, params: Any) -> Any:
        try:
            cursor = self.replica.read(self.condition, sql, params)
        except Unusable:
            routing.to_primary(self.name)
            return databases.BY_NAME[self.name].execute_sql(sql, params)
        self.used = True
        return cursor


def look_up(lease_manager: LeaseManager, keys: Sequence[CacheKey]) -> list[Lookup | None]:
    """Return what Redis has for each key, by one MGET; None where it may not be trusted, or did not answer."""
    lookups = [Lookup(lease_manager, rows, key) if (rows := _leases(lease_manager, key)) else None for key in keys]
    leased = [each for each in lookups if each]
    if not leased:
        return lookups
    try:
        values = lease_manager.link.mget([key for each in leased for key in (each.entry, *each.keys)])
    except RedisUnreachable:
        return [None] * len(keys)
    first = 0
    for each in leased:
        last = first + len(each.keys)
        each.value, each.marks = values[first], values[first + 1 : last + 1]
        first = last + 1
    run_id = lease_manager.link.run_id
    return [each if each and each.redis == run_id else None for each in lookups]


def _leases(lease_manager: LeaseManager, key: CacheKey) -> tuple[EpochRow, ...]:
    """Return the epoch of each logical database that the key depends on; empty if one of them may not be trusted."""
    rows = []
    for name in databases_of(tuple([name for name, _ in key.collections])):
        row = None if lease_manager.server(name).in_transaction() else lease_manager.lease(name)
        if row is None:
            return ()
        rows.append(row)
    return tuple(rows)


@lru_cache(maxsize=4096)
def databases_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return each name once, in order of first appearance."""
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=4096)
def _keys(
    deployment: str, collections: tuple[tuple[str, str], ...], epochs_of: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], str, str]:
    """Return each collection's logical database and Redis key, and the prefix of the keys of entries built from them,
    and of the bits that say which were asked for.
    """
    names = tuple(name for name, _ in collections)
    epoch = dict(zip(databases_of(names), epochs_of, strict=True))
    keys = tuple(mark_key(deployment, name, epoch[name], collection) for name, collection in collections)
    own = epoch_prefix(deployment, names[0], epochs_of[0])
    return names, keys, f"{own}entry:{':'.join(epochs_of[1:])}:", f"{own}asked:"
