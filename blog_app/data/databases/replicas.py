"""The read replicas of a logical database: health checks, replication lag, and a rotation of the healthy ones.

* A replica is out of the rotation until it has passed a health check, and while it is unreachable or too far behind, in
  bytes of write-ahead log or in seconds. It comes back by itself.
* A background thread for each replica does the checks, not the requests; it ends when no reads were routed for a while.
* A replica that stops answering delays no request for longer than one connect timeout: the thread notices, and breaks
  the connections that wait for it.

Whether a result is new enough is not decided here: `watermarks.lookup` sends that condition with the statement.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from itertools import count
from typing import Any

import psycopg2

from blog_app.config import Settings
from blog_app.data.background_thread import BackgroundThread
from blog_app.data.databases.polling import Probe
from blog_app.data.databases.servers import DATABASE_ERRORS, Server, first_line
from blog_app.data.databases.sqlstates import READ_ONLY_SQL_TRANSACTION, sqlstate
from blog_app.data.databases.watchdog import shut_down

log = logging.getLogger(__name__)

CHECK_SECONDS = 0.5
IDLE_SECONDS = 10.0
"""The checks end when no read was routed for so long."""
PRIMARY_LSN = "SELECT pg_current_wal_flush_lsn()::text"
REPLICA_LSN = "SELECT pg_last_wal_replay_lsn()::text WHERE pg_is_in_recovery()"


class Unusable(Exception):
    """The replica could not answer, or must not; the primary can."""


class Replica:
    """One replica of a logical database."""

    def __init__(self, settings: Settings, name: str, url: str, number: int, primary: Server) -> None:
        self.label = f"{name} replica {number}"
        self.healthy = False
        self.server = Server(
            name,
            url,
            connect_timeout=settings.connect_timeout,
            statement_timeout=settings.statement_timeout,
            sql_log=settings.sql_log,
        )
        self._primary = primary
        self._settings = settings
        self._waiting: dict[int, Any] = {}
        self._used = False
        self.thread = BackgroundThread(self.label, self._watch)

    def read(self, condition: str, sql: str, params: Any) -> Any:
        """Return the cursor of `sql`, sent after `condition` in one message; raise `Unusable` if one fails.

        Errors of `sql` itself too: the primary will raise them again.
        """
        thread = threading.get_ident()
        try:
            self._waiting[thread] = self.server.connection()
            with self.server.wait:
                return self.server._execute_cursor(f"{condition}; {sql}", params)
        except DATABASE_ERRORS as error:
            if sqlstate(error) == READ_ONLY_SQL_TRANSACTION and self._settings.mode == "test":
                raise
            if self.server.is_lost():
                self.server.discard()
                self.healthy = False
                log.warning("%s did not answer: %s", self.label, first_line(error))
            raise Unusable from error
        finally:
            self._waiting.pop(thread, None)

    def is_healthy(self) -> bool:
        """Return whether the replica is healthy; keep its checks running."""
        self._used = True
        self.thread.ensure_running()
        return self.healthy

    def _watch(self) -> None:
        # With the wait before it, a failed check takes one connect timeout.
        probe = Probe(self.server.url, max(self._settings.connect_timeout - CHECK_SECONDS, CHECK_SECONDS))
        history: deque[tuple[float, int]] = deque(maxlen=10_000)
        idle = 0.0
        while idle < IDLE_SECONDS and not self.thread.stopped.is_set():
            idle = 0.0 if self._used else idle + CHECK_SECONDS
            self._used = False
            healthy = self._check(probe, history)
            if healthy != self.healthy:
                log.warning("%s is %s", self.label, "in the rotation" if healthy else "out of the rotation")
            self.healthy = healthy
            self.thread.stopped.wait(CHECK_SECONDS)
        self.healthy = False
        probe.close()
        self._primary.discard()

    def _check(self, probe: Probe, history: deque[tuple[float, int]]) -> bool:
        """Return whether the replica answers and is not too far behind; `history` has positions of the primary."""
        try:
            written = lsn_bytes(self._primary.execute_sql(PRIMARY_LSN).fetchone()[0])
        except DATABASE_ERRORS:
            return self.healthy  # Nothing to compare with.
        history.append((time.monotonic(), written))
        try:
            replayed = lsn_bytes(probe.ask(REPLICA_LSN)[0])
        except (psycopg2.Error, OSError, TypeError):
            self._break_waiting()
            return False
        seconds = seconds_behind(history, replayed)
        return written - replayed <= self._settings.replica_lag_bytes and seconds <= self._settings.replica_lag_seconds

    def _break_waiting(self) -> None:
        for connection in list(self._waiting.values()):
            shut_down(connection)


class Rotation:
    """The replicas of a logical database, taken in turns."""

    def __init__(self, settings: Settings, name: str, primary: Server) -> None:
        urls = settings.databases[name].replica_urls
        self.replicas = [Replica(settings, name, url, number, primary) for number, url in enumerate(urls, 1)]
        self._turns = count()

    def __bool__(self) -> bool:
        return bool(self.replicas)

    def next(self) -> Replica | None:
        """Return the next healthy replica, None if there is none."""
        healthy = [replica for replica in self.replicas if replica.is_healthy()]
        return healthy[next(self._turns) % len(healthy)] if healthy else None

    def release(self) -> None:
        """Release this thread's connections, at the end of a request."""
        for replica in self.replicas:
            replica.server.release()

    def stop(self) -> None:
        """End the checks of all replicas, for good."""
        for replica in self.replicas:
            replica.thread.stop()


def lsn_bytes(lsn: str) -> int:
    """Return an LSN as a number of bytes of write-ahead log."""
    high, _, low = lsn.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def seconds_behind(history: deque[tuple[float, int]], replayed: int) -> float:
    """Return for how many seconds the primary has been ahead of `replayed`; drop older positions."""
    while len(history) > 1 and history[1][1] <= replayed:
        history.popleft()
    return 0.0 if history[-1][1] <= replayed else time.monotonic() - history[0][0]
