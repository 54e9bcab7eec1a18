"""Unique visitors of a day, counted without personal data: a hash with a daily salt.

A visitor is a hash of IP address and user agent, keyed with the day's random salt. The views of one reader on one day
share it; the next day has another salt and gives another hash. An hour after its day, when late views have arrived, the
salt is deleted. From then on nobody can compute or test whose a hash was. Before that, whoever has the
database can test a guess (an address with a user agent), so dumps of `flask deploy` leave the salt out; a replica, or a
WAL archive, holds what the database held.

Stored of a view: this hash, the post, the time and the referrer's host; never an address, a user agent, a user or a
referrer's path. Addresses and user agents stay in the memory of the web process for about a second, and are written
nowhere, Redis included.

Consequences: a reader of two days counts twice in a sum of days; people who share an address and a user agent are one
visitor; a reader who changes networks is another one.
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
SALT_RETENTION = timedelta(hours=1)
"""After the salt's day."""


class Salts:
    """A cache of the salts of a process, which drops those of past days."""

    def __init__(self) -> None:
        self._known: dict[date, bytes] = {}

    def salt_of(self, day: date) -> bytes | None:
        """Return the salt of a day (UTC), created if it is today's; None if it was deleted or never created."""
        today = now().date()
        self._known = {known: salt for known, salt in self._known.items() if known >= _oldest_day()}
        if day not in self._known:
            if day == today:
                new = VisitorSalt.insert(day=day, salt=secrets.token_bytes(SALT_BYTES))
                new.on_conflict_ignore().execute()
            salt = VisitorSalt.select(VisitorSalt.salt).where(VisitorSalt.day == day).scalar()
            if salt is None:
                return None
            self._known[day] = bytes(salt)
        return self._known[day]


def visitor_hash(salt: bytes, address: str, agent: str) -> bytes:
    """Return the hash that the views of one reader on one day share."""
    return blake2b(f"{address}\n{agent}".encode(errors="replace"), key=salt, digest_size=HASH_BYTES).digest()


def day_of(instant: float) -> date:
    """Return the day (UTC) of a Unix timestamp."""
    return datetime.fromtimestamp(instant, UTC).date()


@jobs.every(timedelta(minutes=10), databases.analytics)
def destroy_old_salts() -> None:
    """Delete the salts of past days."""
    VisitorSalt.delete().where(VisitorSalt.day < _oldest_day()).execute()


def _oldest_day() -> date:
    return (now() - SALT_RETENTION).date()
