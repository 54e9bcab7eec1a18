"""One run: every change, and what people saw meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from tests.rehearsal.changes import CHANGES, Change
from tests.rehearsal.site import site
from tests.rehearsal.traffic import LongTransactions, Seen, Traffic

WARM_UP, COMPARED = 3, 5
SLOWEST = 1.0
"""Seconds that a request may take at most while the schema changes."""
AFTER = 1.0
"""Seconds that people are watched for after a change, for it may hurt whoever comes next."""
FEWEST = 0.25
"""The share of the requests without a change that must be made during one: else nobody was there to be hurt."""


@dataclass(frozen=True)
class Outcome:
    title: str
    seconds: float
    tries: int
    """How often it found a lock taken and tried again."""
    seen: Seen
    fewest: float = 0.0
    """Requests a second, at least."""
    longest: float = SLOWEST
    """Seconds that a request may take."""

    @property
    def hurt(self) -> bool:
        return bool(self.seen.failures) or self.seen.slowest >= self.longest or self.seen.rate < self.fewest

    def __str__(self) -> str:
        return (
            f"{'HURT' if self.hurt else 'ok  '} {self.title:<56} {self.seconds:6.1f} s, {self.tries:2} tries more; "
            f"{len(self.seen.times):5} requests ({self.seen.rate:3.0f}/s), slowest {self.seen.slowest * 1000:4.0f} ms, "
            + "; ".join([f"{len(self.seen.failures)} failed", *self.seen.failures[:2]])
        )


def rehearse(
    folder: Path, rows: int, *, held: float, longest: float = SLOWEST, changes: Sequence[Change] = CHANGES
) -> Iterator[Outcome]:
    """Make the changes on a table of `rows` posts, one after the other; yield how each went.

    For half of the time somebody has a transaction open, `held` seconds each, and each change begins within one. No
    request may take `longest` seconds.
    """
    with ExitStack() as context:
        place = context.enter_context(site(folder, rows))
        port = context.enter_context(place.served())
        traffic = context.enter_context(Traffic(port, place.token, place.posts))
        time.sleep(WARM_UP)
        with traffic.watched() as seen:
            time.sleep(COMPARED)
        quiet = Outcome("(nothing, for comparison)", COMPARED, 0, seen, fewest=1.0)
        yield quiet
        holder = context.enter_context(LongTransactions(place.url, held=held, free=held))
        for number, change in enumerate(changes, 900):
            words = "".join(letter if letter.isalnum() else "_" for letter in change.title.lower())
            (folder / "blog" / f"{number}_{words}.py").write_text(change.file())
            holder.wait_for_the_next()
            began = time.monotonic()
            with traffic.watched() as seen:
                said = place.up()
                seconds = time.monotonic() - began
                time.sleep(AFTER)
            tries = sum("found no lock" in line for line in said)
            yield Outcome(change.title, seconds, tries, seen, quiet.seen.rate * FEWEST, longest)
