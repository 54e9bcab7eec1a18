"""Identifiers, times and random numbers of fake rows, from the random seed and the number of the row alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random

from blog_app.development.seed.fake.texts import zipf

# Number 0 is the newest; higher numbers are older. The end is fixed, so that rows are the same on any day.
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
RECORD = ("id", "created_at", "updated_at", "version")


def random_of(seed: int, kind: str, number: int) -> Random:
    """Return the random number generator for the batch of `kind` that begins with `number`."""
    return Random(f"{seed}/{kind}/{number}")  # noqa: S311 (nothing secret)


def one_of(random: Random, choices: Sequence[str]) -> str:
    """Return one of the choices; the first ones are drawn most often (Zipf's law)."""
    return random.choices(choices, cum_weights=zipf(len(choices)))[0]


def record(seed: int, kind: str, number: int | str, at: datetime) -> tuple[str, datetime, datetime, int]:
    """Return the values of the columns `RECORD` of a row that was created at this time and never changed."""
    return identifier(seed, kind, number, at), at, at, 1


def identifier(seed: int, kind: str, number: int | str, at: datetime) -> str:
    """Return a UUIDv7 (RFC 9562) of the given time; a hash of the seed, kind and number is its random part."""
    digest = blake2b(f"{seed}/{kind}/{number}".encode(), digest_size=10).hexdigest()
    return f"{round(at.timestamp() * 1000):012x}7{digest[:3]}8{digest[3:18]}"


def time_of(number: int, interval: timedelta) -> datetime:
    """Return the time of row `number`, with one row in each interval."""
    return NEWEST - number * interval
