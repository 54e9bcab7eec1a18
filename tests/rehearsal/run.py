"""One run: every change, and what people saw meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.rehearsal.changes import CHANGES, Change
from tests.rehearsal.site import Site
from tests.rehearsal.traffic import LongTransactions, Seen

WARM_UP, COMPARED = 3, 5
SLOWEST = 1.0
"""Seconds that a request may take at most while the schema changes."""
AFTER = 1.0
"""Seconds that people are watched for after a change, for it may hurt whoever comes next."""
FEWEST = 0.25
"""The share of the requests without a change that must be made during one: else nobody was there to be hurt."""

RETRY_MESSAGE = "lock timeout; blocked by"
"""What a change says before it tries again."""


@dataclass(frozen=True)
class Outcome:
    title: str
    seconds: float
    tries: int
    """How often it found a lock taken and tried again."""
    seen: Seen
    fewest: float = 0.0
    """Requests a second, at least."""

    @property
    def hurt(self) -> bool:
        return bool(self.seen.failures) or self.seen.slowest >= SLOWEST or self.seen.rate < self.fewest

    def __str__(self) -> str:
        return (
            f"{'HURT' if self.hurt else 'ok  '} {self.title:<56} {self.seconds:6.1f} s, {self.tries:2} tries more; "
            f"{len(self.seen.times):5} requests ({self.seen.rate:3.0f}/s), slowest {self.seen.slowest * 1000:4.0f} ms, "
            + "; ".join([f"{len(self.seen.failures)} failed", *self.seen.failures[:2]])
        )


def rehearse(place: Site, *, held: float, changes: Sequence[Change] = CHANGES) -> Iterator[Outcome]:
    """Make the changes on a table of posts, one after the other; yield how each went.

    For half of the time somebody has a transaction open, `held` seconds each, and each change begins within one.
    """
    with place.visited() as traffic:
        time.sleep(WARM_UP)
        with traffic.watched() as seen:
            time.sleep(COMPARED)
        quiet = Outcome("(nothing, for comparison)", COMPARED, 0, seen, fewest=1.0)
        yield quiet
        with LongTransactions(place.url, held=held, free=held) as holder:
            for change in changes:
                holder.wait_for_the_next()
                began = time.monotonic()
                with traffic.watched() as seen:
                    said = place.make(change)
                    seconds = time.monotonic() - began
                    time.sleep(AFTER)
                tries = sum(RETRY_MESSAGE in line for line in said)
                yield Outcome(change.title, seconds, tries, seen, quiet.seen.rate * FEWEST)
