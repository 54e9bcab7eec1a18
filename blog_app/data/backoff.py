"""Pauses that grow with each failure and end with a success; jittered, so that workers do not return all at once."""

from __future__ import annotations

import random
import time
from collections.abc import Hashable
from datetime import timedelta

FIRST_SECONDS = 1.0


def pause(failures: int, *, longest: float) -> timedelta:
    """Return how long to wait after so many failures: about 1, 2, 4, … seconds, give or take a quarter."""
    return timedelta(seconds=min(FIRST_SECONDS * 2.0 ** min(failures - 1, 30), longest) * random.uniform(0.75, 1.25))  # noqa: S311


class Rests:
    """What one process leaves alone for a while because it could not be reached."""

    LONGEST_SECONDS = 30

    def __init__(self) -> None:
        self._failures: dict[Hashable, int] = {}
        self._until: dict[Hashable, float] = {}

    def begin(self, key: Hashable) -> None:
        """Leave `key` alone, longer than the last time."""
        self._failures[key] = self._failures.get(key, 0) + 1
        rest = pause(self._failures[key], longest=self.LONGEST_SECONDS)
        self._until[key] = time.monotonic() + rest.total_seconds()

    def end(self, key: Hashable) -> None:
        """Note that `key` was reached."""
        self._failures.pop(key, None)
        self._until.pop(key, None)

    def __contains__(self, key: Hashable) -> bool:
        return self._until.get(key, 0) > time.monotonic()
