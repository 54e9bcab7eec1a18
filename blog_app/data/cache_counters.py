"""Cache statistics: hits, misses, bypasses and fill times, by view, of all processes together.

A request only adds to numbers in memory. A thread of each process, started by the first response, flushes them to Redis
every few seconds, as increments of one hash an hour, which expires after a day.

What can be lost, and when; nothing is counted twice, and no response depends on any of it:

* A process that is killed loses what it counted in the last `FLUSH_SECONDS`. A process that shuts down flushes.
* A Redis that loses or evicts its data loses these counts too. While Redis is unreachable, each process keeps its
  counts and adds them to the hour in which Redis is back; those of a process that ends before are lost.

Without Redis nothing is cached, so nothing is counted.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from blog_app.data import watermarks
from blog_app.data.background_thread import PeriodicFlush

FLUSH_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 60.0
HOUR = 3600
MAX_HOURS = 24
LIFETIME = (MAX_HOURS + 1) * HOUR

ADD = """
local hash, last_batch = KEYS[1], KEYS[2]
if redis.call('GET', last_batch) == ARGV[2] then return end
redis.call('SET', last_batch, ARGV[2], 'EX', ARGV[1])
for i = 3, #ARGV, 6 do
  local view = ARGV[i]
  for j, name in ipairs({'hits', 'misses', 'bypasses', 'fill_microseconds'}) do
    redis.call('HINCRBY', hash, view .. ' ' .. name, ARGV[i + j])
  end
  local longest = view .. ' longest_fill_microseconds'
  if tonumber(ARGV[i + 5]) >= tonumber(redis.call('HGET', hash, longest) or '0') then
    redis.call('HSET', hash, longest, ARGV[i + 5])
  end
end
redis.call('EXPIRE', hash, ARGV[1])
"""


@dataclass(slots=True)
class Counts:
    """Counts of requests; the order of the fields is that of the script."""

    hits: int = 0
    misses: int = 0
    bypasses: int = 0
    """Responses that bypassed the cache: for one caller only, without Redis or a lease, or during a write."""
    fill_microseconds: int = 0
    longest_fill_microseconds: int = 0

    def add(self, other: Counts) -> None:
        """Add other counts."""
        self.hits += other.hits
        self.misses += other.misses
        self.bypasses += other.bypasses
        self.fill_microseconds += other.fill_microseconds
        self.longest_fill_microseconds = max(self.longest_fill_microseconds, other.longest_fill_microseconds)

    def described(self) -> dict[str, Any]:
        """Return the counts, hit ratio and fill times for a report; None where there is nothing to divide by."""
        asked = self.hits + self.misses
        return {
            "hits": self.hits,
            "misses": self.misses,
            "bypasses": self.bypasses,
            "hit_ratio": round(self.hits / asked, 4) if asked else None,
            "mean_fill_milliseconds": round(self.fill_microseconds / self.misses / 1000, 3) if self.misses else None,
            "longest_fill_milliseconds": self.longest_fill_microseconds / 1000 if self.misses else None,
        }


class Counters:
    """What this process has counted and not flushed yet."""

    def __init__(self) -> None:
        self._thread = PeriodicFlush(
            "cache counters", self.flush, seconds=FLUSH_SECONDS, max_backoff=MAX_BACKOFF_SECONDS, after_fork=self.reset
        )
        self.reset()

    def reset(self) -> None:
        """Start at zero, as after a fork: the parent process flushes what it has counted."""
        self._counts: dict[str, Counts] = {}
        self._name = uuid4().hex
        self._batch: list[Any] = []
        """The next batch to flush. Sent again because it was not confirmed, Redis knows it by its number."""
        self._batches = 0
        self._count_lock = threading.Lock()
        self._flush_lock = threading.Lock()

    def count(self, view: str, outcome: str, seconds: float = 0) -> None:
        """Count a response of `view`: a `hit`, a `miss` that was filled in so many seconds, or a `bypass`."""
        if watermarks.lease_manager is None:
            return
        with self._count_lock:
            counts = self._counts.get(view)
            if counts is None:
                counts = self._counts[view] = Counts()
                self._thread.ensure_running()
            if outcome == "hit":
                counts.hits += 1
            elif outcome == "bypass":
                counts.bypasses += 1
            else:
                microseconds = int(seconds * 1_000_000)
                counts.add(Counts(0, 1, 0, microseconds, microseconds))

    def flush(self) -> bool:
        """Add all counts to those in Redis; return False, and keep the rest, if Redis does not confirm."""
        with self._flush_lock:
            while self._batch or self._counts:
                if not self._batch:
                    self._batch = self._next_batch()
                keys = _key(_this_hour()), watermarks.redis_key(f"cache:counted:{self._name}")
                if watermarks.ask_redis(("EVAL", ADD, 2, *keys, LIFETIME, self._batches, *self._batch)) is None:
                    return False
                self._batch = []
        return True

    def _next_batch(self) -> list[Any]:
        """Start at zero; return the counts so far as arguments of the script."""
        with self._count_lock:
            taken, self._counts = self._counts, {}
        self._batches += 1
        return [value for view, counts in taken.items() for value in (view, *asdict(counts).values())]


counters = Counters()


class Report(NamedTuple):
    """The counts of all processes."""

    status: str
    """`ok`; `away`: Redis does not answer; `not configured`: without Redis nothing is cached."""
    since: datetime
    views: dict[str, Counts]

    @property
    def total(self) -> Counts:
        """The sum over all views."""
        total = Counts()
        for counts in self.views.values():
            total.add(counts)
        return total


def report(hours: int = MAX_HOURS) -> Report:
    """Return the counts of the last `hours`, at most 24, the current one included."""
    first = _this_hour() - hours + 1
    keys = [_key(hour) for hour in range(first, first + hours)]
    hashes = watermarks.ask_redis(*[("HGETALL", key) for key in keys])
    views: dict[str, Counts] = {}
    for found in hashes or ():
        for field, value in zip(found[::2], found[1::2], strict=True):
            view, name = field.decode().split(" ")
            views.setdefault(view, Counts()).add(Counts(**{name: int(value)}))
    status = "not configured" if watermarks.lease_manager is None else "away" if hashes is None else "ok"
    return Report(status, datetime.fromtimestamp(first * HOUR, UTC), dict(sorted(views.items())))


def _this_hour() -> int:
    """Return the number of the current hour since 1970."""
    return int(time.time()) // HOUR


def _key(hour: int) -> str:
    return watermarks.redis_key(f"cache:counters:{hour}")
