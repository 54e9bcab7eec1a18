"""The rehearsal: runs every migration under load, and reports how the clients fared."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.rehearsal.changes import CHANGES, Change
from tests.rehearsal.site import Site
from tests.rehearsal.traffic import LongTransactions, Measured

WARM_UP, COMPARED = 3, 5
MAX_SECONDS = 1.0
"""Seconds that a request may take while a migration runs."""
AFTER = 1.0
"""Seconds of load after a migration, because it may disturb later requests too."""
MIN_RATE_SHARE = 0.25
"""The share of the undisturbed request rate that a migration must leave; otherwise there was no load to disturb."""

RETRY_MESSAGE = "lock timeout; blocked by"
"""What a migration prints before it tries again."""


@dataclass(frozen=True)
class Outcome:
    title: str
    seconds: float
    tries: int
    """Retries after a lock timeout."""
    load: Measured
    min_rate: float = 0.0
    """The required requests a second."""

    @property
    def disturbed(self) -> bool:
        return bool(self.load.failures) or self.load.slowest >= MAX_SECONDS or self.load.rate < self.min_rate

    def __str__(self) -> str:
        return (
            f"{'FAIL' if self.disturbed else 'ok  '} {self.title:<56} {self.seconds:6.1f} s, {self.tries:2} retries; "
            f"{len(self.load.times):5} requests ({self.load.rate:3.0f}/s), slowest {self.load.slowest * 1000:4.0f} ms, "
            + "; ".join([f"{len(self.load.failures)} failed", *self.load.failures[:2]])
        )


def rehearse(blog: Site, *, held: float, changes: Sequence[Change] = CHANGES) -> Iterator[Outcome]:
    """Run the migrations on a table of posts, one after the other; yield the outcome of each.

    For half of the time a transaction is open, `held` seconds each, and each migration starts within one.
    """
    with blog.under_load() as traffic:
        time.sleep(WARM_UP)
        with traffic.measure() as measured:
            time.sleep(COMPARED)
        quiet = Outcome("(no migration, for comparison)", COMPARED, 0, measured, min_rate=1.0)
        yield quiet
        with LongTransactions(blog.url, held=held, free=held) as holder:
            for change in changes:
                holder.wait_for_the_next()
                began = time.monotonic()
                with traffic.measure() as measured:
                    printed = blog.run(change)
                    seconds = time.monotonic() - began
                    time.sleep(AFTER)
                tries = sum(RETRY_MESSAGE in line for line in printed)
                yield Outcome(change.title, seconds, tries, measured, quiet.load.rate * MIN_RATE_SHARE)
