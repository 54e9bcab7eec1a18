"""What was answered, and whether a read may return what it returned."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

EXCUSE = 1.25
"""Seconds for which a write that was not announced may be seen by one and not by the next."""


@dataclass(frozen=True)
class Floor:
    """What a read must show at least, as known when it begins."""

    answered: int
    seen: int
    seen_long_ago: int
    """What had been seen so long ago that nothing excuses not seeing it."""


@dataclass
class History:
    """Everything that writers and readers were told."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    _answered: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _seen: defaultdict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    unmarked_lately: Callable[[], bool] = lambda: False
    """Tells whether a write has gone unmarked in the last seconds."""

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def failed(self, request: str, status: int) -> None:
        """Note that a request was answered with an error; 503 says that a server is away, all else is our fault."""
        with self._lock:
            self.counts[f"status {status}"] += 1
            if status != 503:
                self.violations.append(f"{request} was answered with {status}")

    def floor(self, row: str) -> Floor:
        """Return what a read that begins now must show."""
        now = time.monotonic()
        with self._lock:
            seen = self._seen[row]
            while len(seen) > 1 and seen[1][0] < now - EXCUSE:
                del seen[0]
            long_ago = seen[0][1] if seen and seen[0][0] < now - EXCUSE else 0
            return Floor(self._answered[row], seen[-1][1] if seen else 0, long_ago)

    def wrote(self, row: str, value: int) -> None:
        """Note that a write was answered."""
        with self._lock:
            self.counts["writes"] += 1
            self._answered[row] = max(self._answered[row], value)

    def read(self, row: str, floor: Floor, value: int, how: str) -> None:
        """Note what a read returned, and how it came about; judge it."""
        with self._lock:
            self.counts["reads"] += 1
            self.counts[how] += 1
            if value < floor.answered:
                self.violations.append(f"P1: {how} shows {value}, {floor.answered} was answered before")
            elif value < floor.seen_long_ago:
                self.violations.append(f"P4: {how} shows {value}, {floor.seen_long_ago} was seen longer ago than T")
            elif value < floor.seen and not self.unmarked_lately():
                self.violations.append(f"P4: {how} shows {value}, {floor.seen} was seen before, every write was marked")
            elif value < floor.seen:
                self.counts["excused within T"] += 1
            seen = self._seen[row]
            if not seen or value > seen[-1][1]:
                seen.append((time.monotonic(), value))
