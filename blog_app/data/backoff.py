"""Exponential backoff: delays that grow with each failure, retries with such delays, and keys that back off.

Delays are jittered, so that processes do not all return at the same moment.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Hashable
from itertools import count
from typing import TypeVar

T = TypeVar("T")

FIRST_SECONDS = 1.0
JITTER = 0.25


def delay(failures: int, *, longest: float, first: float | None = None, growth: float = 2.0) -> float:
    """Return the seconds to wait after so many failures in a row: from `first`, times `growth`, up to `longest`."""
    seconds = (FIRST_SECONDS if first is None else first) * growth ** min(failures - 1, 30)
    return min(seconds, longest) * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - not a secret


def retry(
    attempt: Callable[[], T],
    on: type[Exception],
    report: Callable[[Exception, float], None],
    *,
    longest: float,
    first: float | None = None,
    growth: float = 2.0,
    tries: int | None = None,
    timeout: float | None = None,
) -> T:
    """Return what `attempt` returns; repeat it, with growing delays, while it raises `on`.

    After `tries` attempts, or if the next one would begin after `timeout` seconds, raise its error. `report` gets each
    other error and the seconds until the next attempt.
    """
    started = time.monotonic()
    for failures in count(1):
        try:
            return attempt()
        except on as error:
            seconds = delay(failures, longest=longest, first=first, growth=growth)
            late = timeout is not None and time.monotonic() + seconds > started + timeout
            if failures == tries or late:
                raise
            report(error, seconds)
            time.sleep(seconds)
    raise AssertionError


class Backoff:
    """The keys that this process leaves alone for a while because they failed, such as unreachable databases."""

    MAX_SECONDS = 30

    def __init__(self) -> None:
        self._failures: dict[Hashable, int] = {}
        self._until: dict[Hashable, float] = {}

    def record_failure(self, key: Hashable) -> None:
        """Leave `key` alone, longer than the last time."""
        self._failures[key] = self._failures.get(key, 0) + 1
        self._until[key] = time.monotonic() + delay(self._failures[key], longest=self.MAX_SECONDS)

    def record_success(self, key: Hashable) -> None:
        """Forget the failures of `key`."""
        self._failures.pop(key, None)
        self._until.pop(key, None)

    def __contains__(self, key: Hashable) -> bool:
        return self._until.get(key, 0) > time.monotonic()
