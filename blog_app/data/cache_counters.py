"""How the cache does: hits, misses, bypasses and the time that fills took, by view, of all processes together.

A request adds to numbers in memory, and that is all. A thread of each process, started by the first answer, hands them
to Redis every few seconds, as increments of one hash an hour, which goes after a day.

What can be lost, and when; nothing is counted twice, and no answer depends on any of it:

* A process that is killed loses what it counted in the last `SECONDS`. One that is told to stop hands it over.
* A Redis that forgets, or has to make room, forgets these counts too. While it is away each process keeps its own, and
  hands them over when it is back, to the hour in which it does; what it has when it ends is lost.

Without a Redis nothing is cached, so nothing is counted.
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import uuid4

from blog_app.data import watermarks
from blog_app.data.backoff import delay

SECONDS = 5.0
LONGEST_PAUSE = 60.0
"""Seconds, after failures that follow each other."""
HOUR = 3600
MOST_HOURS = 24
LIFETIME = (MOST_HOURS + 1) * HOUR

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
    """What happened to requests; the order of the fields is that of the script."""

    hits: int = 0
    misses: int = 0
    bypasses: int = 0
    """Answered without the cache: it is one caller's alone, Redis or the lease was away, or a write was under way."""
    fill_microseconds: int = 0
    longest_fill_microseconds: int = 0

    def add(self, other: Counts) -> None:
        """Add what happened to others."""
        self.hits += other.hits
        self.misses += other.misses
        self.bypasses += other.bypasses
        self.fill_microseconds += other.fill_microseconds
        self.longest_fill_microseconds = max(self.longest_fill_microseconds, other.longest_fill_microseconds)

    def described(self) -> dict[str, Any]:
        """Return the numbers for a person: the ratio is of hits among hits and misses; None is what nothing says."""
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
    """What one process has counted and not handed over yet."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin with nothing, as the child of a fork must: what its parent has counted, its parent hands over."""
        self._counts: dict[str, Counts] = {}
        self._name = uuid4().hex
        self._batch: list[Any] = []
        """What is to be handed over next; Redis knows it by its number, if it comes again because nobody confirmed."""
        self._batches = 0
        self._counting = threading.Lock()
        self._handing = threading.Lock()
        self._thread: threading.Thread | None = None

    def hit(self, view: str) -> None:
        """Count an answer of `view` that was kept."""
        with self._counting:
            self._of(view).hits += 1

    def miss(self, view: str, seconds: float) -> None:
        """Count an answer that was produced, in so many seconds, to be kept."""
        microseconds = int(seconds * 1_000_000)
        with self._counting:
            self._of(view).add(Counts(0, 1, 0, microseconds, microseconds))

    def bypass(self, view: str) -> None:
        """Count an answer that had nothing to do with the cache, if there is one."""
        if watermarks.keeper is None:
            return
        with self._counting:
            self._of(view).bypasses += 1

    def _of(self, view: str) -> Counts:
        found = self._counts.get(view)
        if found is None:
            found = self._counts[view] = Counts()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="cache counters", daemon=True)
                self._thread.start()
        return found

    def hand_over(self) -> bool:
        """Hand all that was counted to Redis; return False, and keep what is left, if Redis does not confirm."""
        with self._handing:
            while self._batch or self._counts:
                if not self._batch:
                    self._batch = self._next_batch()
                keys = _key(_this_hour()), f"cache:counted:{self._name}"
                if watermarks.ask_redis(("EVAL", ADD, 2, *keys, LIFETIME, self._batches, *self._batch)) is None:
                    return False
                self._batch = []
        return True

    def _next_batch(self) -> list[Any]:
        """Begin to count anew; return what was counted before, as the script takes it."""
        with self._counting:
            taken, self._counts = self._counts, {}
        self._batches += 1
        return [value for view, counts in taken.items() for value in (view, *asdict(counts).values())]

    def _run(self) -> None:
        failures = 0
        while True:
            time.sleep(delay(failures, longest=LONGEST_PAUSE) + SECONDS if failures else SECONDS)
            failures = 0 if self.hand_over() else failures + 1


counters = Counters()


class Report(NamedTuple):
    """What was counted, by whichever process."""

    status: str
    """`ok`; or why nothing is known: Redis is `away`, or `not configured`, and then nothing is cached."""
    since: datetime
    views: dict[str, Counts]

    @property
    def total(self) -> Counts:
        """What was counted of all views together."""
        total = Counts()
        for counts in self.views.values():
            total.add(counts)
        return total


def report(hours: int = MOST_HOURS) -> Report:
    """Return what was counted in the current hour, as far as it has come, and before it: `hours` in all, at most 24."""
    first = _this_hour() - hours + 1
    keys = [_key(hour) for hour in range(first, first + hours)]
    hashes = watermarks.ask_redis(*[("HGETALL", key) for key in keys])
    views: dict[str, Counts] = {}
    for found in hashes or ():
        for field, value in zip(found[::2], found[1::2], strict=True):
            view, name = field.decode().split(" ")
            views.setdefault(view, Counts()).add(Counts(**{name: int(value)}))
    status = "not configured" if watermarks.keeper is None else "away" if hashes is None else "ok"
    return Report(status, datetime.fromtimestamp(first * HOUR, UTC), dict(sorted(views.items())))


def _this_hour() -> int:
    """Return the number of the current hour since 1970."""
    return int(time.time()) // HOUR


def _key(hour: int) -> str:
    return f"cache:counters:{hour}"


atexit.register(counters.hand_over)
os.register_at_fork(after_in_child=counters.begin)
