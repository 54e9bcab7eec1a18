"""What the rows of the made-up blog have in common: each is made from the seed and its number alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from random import Random

from blog_app.development.seed.fake.texts import zipf

# Number 0 is the newest: a bigger blog reaches further back. The end is fixed, so that rows are the same on any day.
NEWEST = datetime(2026, 11, 1, tzinfo=UTC)
RECORD = ("id", "created_at", "updated_at", "version")


def random_of(seed: int, kind: str, number: int) -> Random:
    """Return the source of everything that is random about the batch of `kind` that begins with `number`."""
    return Random(f"{seed}/{kind}/{number}")  # noqa: S311 (nothing secret)


def one_of(random: Random, choices: Sequence[str]) -> str:
    """Return one of the choices; the first are the commonest."""
    return random.choices(choices, cum_weights=zipf(len(choices)))[0]


def record(seed: int, kind: str, number: int | str, at: datetime) -> tuple[str, datetime, datetime, int]:
    """Return the values of the columns `RECORD`, for a row made at this time and never changed."""
    return identifier(seed, kind, number, at), at, at, 1


def identifier(seed: int, kind: str, number: int | str, at: datetime) -> str:
    """Return a UUIDv7 (RFC 9562) of the given time, its random part a hash of whose it is."""
    digest = blake2b(f"{seed}/{kind}/{number}".encode(), digest_size=10).hexdigest()
    return f"{round(at.timestamp() * 1000):012x}7{digest[:3]}8{digest[3:18]}"


def time_of(number: int, every: timedelta) -> datetime:
    """Return the time of row `number`, where there is one in each such interval."""
    return NEWEST - number * every
