"""Telling visitors apart for a day, without knowing anybody.

A visitor is a hash of the address and the user agent, with a random salt of the day as its key. Two views of one reader
on one day have the same; on the next day there is another salt, and nobody can tell that it is the same reader. An hour
after its day, when views that were under way are in, the salt is destroyed. From then on the hashes are numbers that
were drawn by lot: nobody, we included, can find out from them, or test, whose they were. While the day lasts, who holds
the database can test a guess (this address with this user agent), and so the salt is in no dump that `flask deploy`
makes; a replica, or an archive of the write-ahead log, holds what the database held.

Kept of a view is this hash, the post, the time and the host of the site that led here; never an address, a user agent,
a user or a path of another site. Addresses and user agents are in the memory of the process that was asked, for about a
second, and are written nowhere, Redis included.

What follows from it: who comes on two days is counted twice when days are added up; people behind one address with one
browser are one visitor; who changes networks is another one.
"""

from __future__ import annotations

import secrets
from datetime import UTC, date, datetime, timedelta
from hashlib import blake2b

from blog_app.analytics.models import VisitorSalt
from blog_app.background import jobs
from blog_app.data import databases
from blog_app.data.models import now

SALT_BYTES = 32
HASH_BYTES = 16
GRACE = timedelta(hours=1)
"""For how long after its day a salt is kept."""


class Salts:
    """The salts that a process has needed; those whose days are over are forgotten."""

    def __init__(self) -> None:
        self._known: dict[date, bytes] = {}

    def of(self, day: date) -> bytes | None:
        """Return the salt of a day (UTC), made if it is today's; None if it is destroyed, or was never made."""
        today = now().date()
        self._known = {known: salt for known, salt in self._known.items() if known >= _oldest()}
        if day not in self._known:
            if day == today:
                new = VisitorSalt.insert(day=day, salt=secrets.token_bytes(SALT_BYTES))
                new.on_conflict_ignore().execute()
            salt = VisitorSalt.select(VisitorSalt.salt).where(VisitorSalt.day == day).scalar()
            if salt is None:
                return None
            self._known[day] = bytes(salt)
        return self._known[day]


def visitor(salt: bytes, address: str, agent: str) -> bytes:
    """Return what makes the views of one reader on one day alike."""
    return blake2b(f"{address}\n{agent}".encode(errors="replace"), key=salt, digest_size=HASH_BYTES).digest()


def day_of(instant: float) -> date:
    """Return the day (UTC) of an instant in seconds since 1970."""
    return datetime.fromtimestamp(instant, UTC).date()


@jobs.every(timedelta(minutes=10), databases.analytics)
def destroy_old_salts() -> None:
    """Destroy the salts of the days that are over."""
    VisitorSalt.delete().where(VisitorSalt.day < _oldest()).execute()


def _oldest() -> date:
    return (now() - GRACE).date()
