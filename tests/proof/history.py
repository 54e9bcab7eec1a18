"""The history of responses, and whether each read was allowed to return its value."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

EXCUSE = 1.25
"""Seconds for which an unannounced write may be seen by one read and not by the next."""


@dataclass(frozen=True)
class LowerBound:
    """The least value that a read must return, as known when it begins."""

    acknowledged: int
    seen: int
    seen_long_ago: int
    """The value that was returned so long ago that no exception applies."""


@dataclass
class History:
    """All responses to writers and readers."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    slowest: float = 0.0
    last_failure: float = 0.0
    """When the last error response arrived."""
    _acknowledged: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    _seen: defaultdict[str, list[tuple[float, int]]] = field(default_factory=lambda: defaultdict(list))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    unmarked_lately: Callable[[], bool] = lambda: False
    """Returns whether a write was unmarked in the last seconds."""

    def count(self, what: str) -> None:
        with self._lock:
            self.counts[what] += 1

    def failed(self, request: str, status: int) -> None:
        """Record an error response; 503 says that a server is unreachable, others are bugs."""
        with self._lock:
            self.counts[f"status {status}"] += 1
            self.last_failure = time.monotonic()
            if status != 503:
                self.violations.append(f"{request} got {status}")

    def lower_bound(self, row: str) -> LowerBound:
        """Return the lower bound of a read that begins now."""
        now = time.monotonic()
        with self._lock:
            seen = self._seen[row]
            while len(seen) > 1 and seen[1][0] < now - EXCUSE:
                del seen[0]
            long_ago = seen[0][1] if seen and seen[0][0] < now - EXCUSE else 0
            return LowerBound(self._acknowledged[row], seen[-1][1] if seen else 0, long_ago)

    def wrote(self, row: str, value: int) -> None:
        """Record the response to a write."""
        with self._lock:
            self.counts["writes"] += 1
            self._acknowledged[row] = max(self._acknowledged[row], value)

    def read(self, row: str, bound: LowerBound, value: int, how: str) -> None:
        """Record the value and the outcome of a read, and check it."""
        with self._lock:
            self.counts["reads"] += 1
            self.counts[how] += 1
            if value < bound.acknowledged:
                self.violations.append(f"P1: {how} shows {value}, {bound.acknowledged} was acknowledged before")
            elif value < bound.seen_long_ago:
                self.violations.append(f"P4: {how} shows {value}, {bound.seen_long_ago} was seen longer ago than T")
            elif value < bound.seen and not self.unmarked_lately():
                self.violations.append(f"P4: {how} shows {value}, {bound.seen} was seen before, every write was marked")
            elif value < bound.seen:
                self.counts["excused within T"] += 1
            seen = self._seen[row]
            if not seen or value > seen[-1][1]:
                seen.append((time.monotonic(), value))
