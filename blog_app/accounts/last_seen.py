"""When each user was last seen: recorded in memory by each request with a token, written by a background thread.

A user is written once in `LAST_SEEN_MINUTES` at most, however many processes see them; a process writes all of its
users by one statement a minute. So `last_seen_at` is late by less than twice that time and a minute; in a cached
response, by `CACHED_SECONDS` more. A process that is killed forgets what it has not written. Nothing else depends on
it: the table is outside versions and marks. With `LAST_SEEN_MINUTES=0` nothing is recorded.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import UTC, datetime, timedelta
from uuid import UUID

from blog_app.data import databases
from blog_app.data.background_thread import PeriodicFlush
from blog_app.data.databases.dependencies import DeclaredSQL
from blog_app.data.models import array_literal

log = logging.getLogger(__name__)

FLUSH_SECONDS = 60.0
CACHED_SECONDS = 300.0
"""How long a response that shows it is cached at most."""
MAX_BACKOFF_SECONDS = 600.0
# Of a user who was purged there is no row to write; ordered, so that two processes do not deadlock.
WRITE = DeclaredSQL("""
    INSERT INTO accounts.last_seen AS known (user_id, seen_at)
    SELECT u.id, s.seen_at
      FROM unnest(%s::uuid[], %s::timestamptz[]) AS s (user_id, seen_at)
      JOIN accounts.users u ON u.id = s.user_id
     ORDER BY u.id
        ON CONFLICT (user_id) DO UPDATE SET seen_at = EXCLUDED.seen_at
     WHERE known.seen_at <= EXCLUDED.seen_at - %s
""")


class Recorder:
    """The users that this process has seen, and the thread that writes them; `minutes` of 0 records nothing."""

    def __init__(self, minutes: int) -> None:
        self._period = timedelta(minutes=minutes)
        self._thread = PeriodicFlush(
            "last seen", self.flush, seconds=FLUSH_SECONDS, max_backoff=MAX_BACKOFF_SECONDS, after_fork=self.reset
        )
        self.reset()

    def reset(self) -> None:
        """Start empty, as after a fork: the parent process writes what it has seen."""
        self._seen: dict[UUID, float] = {}
        """When each user was first seen after the last write of theirs, in seconds since 1970."""
        self._written: dict[UUID, float] = {}
        self._flush_lock = threading.Lock()

    def record(self, user_id: UUID) -> None:
        """Record that a user sent a token now: a look into two dictionaries, unless it is time for another write."""
        if user_id in self._written or user_id in self._seen or not self._period:
            return
        self._seen[user_id] = time.time()
        self._thread.ensure_running()

    def flush(self) -> bool:
        """Write who was seen; return False, and keep them, if the database refuses."""
        with self._flush_lock:
            oldest = time.time() - self._period.total_seconds()
            self._written = {user_id: at for user_id, at in self._written.items() if at > oldest}
            seen = dict(self._seen)
            if seen:
                times = [datetime.fromtimestamp(at, UTC).isoformat() for at in seen.values()]
                try:
                    values = array_literal(seen), array_literal(times), self._period
                    databases.accounts.execute_declared(WRITE, values, set())
                except databases.DATABASE_ERRORS as error:
                    log.warning("who was seen stays in memory: %s", databases.first_line(error))
                    return False
                finally:
                    databases.release()
                self._written |= seen
                for user_id in seen:
                    del self._seen[user_id]
        return True
