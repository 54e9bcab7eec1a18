"""The read path: what the marks of some collections say, and what may be done with an answer.

1. A lease on each epoch, else the primary answers and nothing is cached.
2. One MGET: the entry, and the marks.
3. The entry begins with the marks as they are now, and its time is not over: it is a hit.
4. A mark with a token: something is under way; the primary answers, nothing is stored.
5. A missing mark is established: a token, then a position, then both settled. The data is read after that.
6. All marks clean: a replica that has reached the highest may answer, or the primary.
7. STORE, only if the marks still are what they were before the data was read. After a replica's answer this decides
   whether it is believed: a replica may show a commit before the primary does. Nothing to store: the marks are
   compared all the same.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, NamedTuple, TypeVar

from blog_app.data import databases
from blog_app.data.databases import routing
from blog_app.data.databases.replicas import Replica, Unfit
from blog_app.data.watermarks import epochs
from blog_app.data.watermarks.epochs import OPEN, Row
from blog_app.data.watermarks.leases import MARK_LIFETIME, Keeper, mark_key, prefix
from blog_app.data.watermarks.link import RedisAway

log = logging.getLogger(__name__)
T = TypeVar("T")

NOTHING = "0" * 16
ENDS = 17
"""In so many characters an entry says when it ends: seconds since 1970."""


class Wanted(NamedTuple):
    """What a read depends on, and under which name its answer is kept."""

    collections: tuple[tuple[str, str], ...]
    """Logical database and collection."""
    entry: str = ""


class Look:
    """What one MGET found: the marks of some collections, and the entry that was built from them."""

    __slots__ = ("_flying", "entry", "keeper", "keys", "marks", "names", "rows", "value")

    def __init__(self, keeper: Keeper, rows: tuple[Row, ...], wanted: Wanted) -> None:
        self.keeper = keeper
        self.rows = rows
        self.names, self.keys, first = _keys(wanted.collections, tuple([row.epoch for row in rows]))
        self.entry = first + wanted.entry
        self.marks: list[bytes | None] = []
        self.value: bytes | None = None
        self._flying = False

    @property
    def redis(self) -> str:
        """The identity of the Redis that all this is in."""
        return self.rows[0].redis

    def hit(self) -> bytes | None:
        """Return what was stored, if it is still true."""
        if self.value is None or None in self.marks:
            return None
        stamp = b" ".join(self.marks) + b"\n"  # type: ignore[arg-type]
        if not self.value.startswith(stamp):
            return None
        begin = len(stamp) + ENDS
        return self.value[begin:] if time.time() < float(self.value[len(stamp) : begin]) else None

    def busy(self) -> bool:
        """Tell whether something is under way, so that nothing may be stored; somebody will look whether it died."""
        busy = False
        for name, key, mark in zip(self.names, self.keys, self.marks, strict=True):
            if mark is not None and b"+" in mark:
                self.keeper.suspect(name, key, mark)
                busy = True
        return busy

    def establish(self) -> bool:
        """Make missing marks known; return whether all are clean, so that what is read from now on may be stored."""
        missing = [place for place, mark in enumerate(self.marks) if mark is None]
        if missing:
            token = f"r{secrets.token_hex(8)}"
            try:
                self._establish(missing, token)
            except RedisAway:
                return False
        return None not in self.marks and not self.busy()

    def _establish(self, missing: list[int], token: str) -> None:
        new = ("SET", f"{NOTHING}.+{token};", "NX", "EX", MARK_LIFETIME)
        placed = self.keeper.link.calls(self.redis, *[(new[0], self.keys[place], *new[1:]) for place in missing])
        for name, row in self._by_name():
            mine = [place for place, done in zip(missing, placed, strict=True) if done and self.names[place] == name]
            if not mine:
                continue
            position = epochs.position(self.keeper.server(name))
            settled = self.keeper.settle(row, [self.keys[place] for place in mine], token, position, token)
            for place, mark in zip(mine, settled, strict=True):
                self.marks[place] = mark

    def read(self, produce: Callable[[], T], keep: Callable[[T], bool] | None = None) -> T:
        """Return what `produce` reads, by replicas that have reached the marks, or by the primary.

        What replicas showed counts only if the marks are the same afterwards; else `produce` runs again, on the
        primary. `keep` is told a result and returns whether they were the same.
        """
        with self._replicas() as routes:
            result, error = _attempt(produce)
        used = any(route.used for route in routes)
        same = keep(result) if keep and error is None else not used or self.unchanged()  # type: ignore[arg-type]
        if used and not same:
            return produce()
        if error:
            raise error
        return result  # type: ignore[return-value]

    def store(self, value: bytes, deadline: float) -> bool:
        """Keep `value` up to an instant of the monotonic clock, if the marks are still what they were; tell whether.

        The instant is kept with it: Redis counts from when it hears of it, which is later.
        """
        ends = time.time() + (deadline - time.monotonic())  # In this order: what comes between makes it earlier.
        if ends <= time.time():
            return self.unchanged()
        stamp = b" ".join(self.marks) + b"\n" + f"{ends:0{ENDS}.6f}".encode()  # type: ignore[arg-type]
        milliseconds = max(1, round((deadline - time.monotonic()) * 1000))
        try:
            stored = self.keeper.link.script(
                self.redis, "STORE", [self.entry, *self.keys], stamp + value, milliseconds, *self.marks
            )
        except RedisAway:
            return False
        self._flying = False
        return bool(stored)

    def unchanged(self) -> bool:
        """Tell whether the marks are still what they were."""
        try:
            return bool(self.keeper.link.call(self.redis, "MGET", *self.keys) == self.marks)
        except RedisAway:
            return False

    def take_off(self, seconds: float) -> bool:
        """Tell whether this caller is to fill the entry, which nobody has filled since; others then are not."""
        commands = ("SET", f"{self.entry}:filling", "1", "NX", "PX", round(seconds * 1000)), ("GET", self.entry)
        try:
            first, value = self.keeper.link.calls(self.redis, *commands)
        except RedisAway:
            return True
        self._flying = bool(first)
        if self._flying and value != self.value:
            self.land()
        return self._flying

    def land(self) -> None:
        """Let others fill the entry, if this caller was to and has not."""
        if self._flying:
            self._flying = False
            with suppress(RedisAway):
                self.keeper.link.call(self.redis, "DEL", f"{self.entry}:filling")

    @contextmanager
    def _replicas(self) -> Iterator[list[Route]]:
        """Let replicas answer the reads in this context, where one is fit; yields by which ways."""
        routes = {}
        for name, row in self._by_name():
            if replica := databases.BY_NAME[name].rotation.next():
                routes[name] = Route(name, row, replica, self._highest(name))
        with routing.route_reads(routes):
            yield list(routes.values())

    def _by_name(self) -> Iterator[tuple[str, Row]]:
        return zip(databases_of(self.names), self.rows, strict=True)

    def _highest(self, name: str) -> str:
        return max(
            mark[:16].decode() for each, mark in zip(self.names, self.marks, strict=True) if each == name and mark
        )


class Route:
    """The way to one replica for the length of one request; it ends at the first refusal."""

    def __init__(self, name: str, row: Row, replica: Replica, position: str) -> None:
        self.name = name
        self.replica = replica
        self.used = False
        # In each message, and as a statement before the read's own: only that says what its snapshot contains.
        self.condition = (
            f"SELECT 1 / (pg_last_wal_replay_lsn() >= '{epochs.lsn(position)}' AND EXISTS (SELECT FROM "
            f"{epochs.table(name)} WHERE epoch = '{row.epoch}' AND status = '{OPEN}'))::int"
        )

    def read(self, sql: str, params: Any) -> Any:
        try:
            cursor = self.replica.read(self.condition, sql, params)
        except Unfit:
            routing.to_primary(self.name)
            return databases.BY_NAME[self.name].execute_sql(sql, params)
        self.used = True
        return cursor


def look(keeper: Keeper, *wanted: Wanted, fetch: Callable[..., list[bytes | None]] | None = None) -> list[Look | None]:
    """Return what Redis knows of each, by one round trip; None where it may not be believed, or did not answer.

    `fetch` returns the values of keys, over the connection that the keeper's link has for this thread.
    """
    looks: list[Look | None] = []
    for one in wanted:
        rows = _leases(keeper, one)
        looks.append(Look(keeper, rows, one) if rows else None)
    found = [each for each in looks if each]
    if not found:
        return looks
    keys = [key for each in found for key in (each.entry, *each.keys)]
    try:
        values = fetch(*keys) if fetch else keeper.link.mget(keys)
    except RedisAway:
        return [None] * len(wanted)
    first = 0
    for each in found:
        last = first + len(each.keys)
        each.value, each.marks = values[first], values[first + 1 : last + 1]
        first = last + 1
    identity = keeper.link.identity
    return [each if each and each.redis == identity else None for each in looks]


def _leases(keeper: Keeper, wanted: Wanted) -> tuple[Row, ...]:
    """Return the epoch of each logical database that is wanted; none if one of them may not be trusted."""
    rows = []
    for name in databases_of(tuple([name for name, _ in wanted.collections])):
        row = None if keeper.server(name).in_transaction() else keeper.lease(name)
        if row is None:
            return ()
        rows.append(row)
    return tuple(rows)


@lru_cache(maxsize=4096)
def databases_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return each name once, in the order in which they come first."""
    return tuple(dict.fromkeys(names))


@lru_cache(maxsize=4096)
def _keys(
    collections: tuple[tuple[str, str], ...], epochs_of: tuple[str, ...]
) -> tuple[tuple[str, ...], tuple[str, ...], str]:
    """Return each collection's logical database and key, and how the key of an entry begins that is built from them."""
    names = tuple(name for name, _ in collections)
    epoch = dict(zip(databases_of(names), epochs_of, strict=True))
    keys = tuple(mark_key(name, epoch[name], collection) for name, collection in collections)
    return names, keys, f"{prefix(names[0], epochs_of[0])}entry:{':'.join(epochs_of[1:])}:"


def read(keeper: Keeper | None, collections: Sequence[tuple[str, str]], produce: Callable[[], T]) -> T:
    """Return what `produce` reads, by replicas that have reached the marks of the collections, or by the primary."""
    if keeper and any(databases.BY_NAME[name].rotation for name, _ in collections):
        (found,) = look(keeper, Wanted(tuple(collections)))
        if found and not found.busy() and found.establish():
            return found.read(produce)
    return produce()


def _attempt(produce: Callable[[], T]) -> tuple[T | None, Exception | None]:
    try:
        return produce(), None
    except Exception as error:  # A 404 is an answer too: it is believed or not, like any other.
        return None, error
