"""The replicas of a logical database: which there are, and which of them are fit to be asked.

* A replica is out of the rotation until it has been found well, and while it is unreachable or too far behind, in
  bytes of write-ahead log or in seconds. It comes back by itself.
* A small thread a replica looks, not the requests; it ends while nobody reads.
* A replica that stops answering holds no request up for longer than one connect time limit: the thread notices, and
  breaks the connections on which somebody waits.

Whether an answer is new enough is not decided here: who asks sends that question along with the statement.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections import deque
from contextlib import suppress
from itertools import count
from typing import Any

import psycopg2

from blog_app.config import Settings
from blog_app.data.background_thread import BackgroundThread
from blog_app.data.databases.probe import NoAnswer, Probe
from blog_app.data.databases.servers import DATABASE_ERRORS, Server, first_line
from blog_app.data.databases.sqlstates import READ_ONLY_SQL_TRANSACTION, sqlstate

log = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two looks at a replica."""
IDLE = 10.0
"""Seconds without a reader after which nobody looks any more."""
WRITTEN = "SELECT pg_current_wal_flush_lsn()::text"
REPLAYED = "SELECT pg_last_wal_replay_lsn()::text WHERE pg_is_in_recovery()"


class Unfit(Exception):
    """The replica could not answer, or must not; the primary can."""


class Replica:
    """One replica of a logical database."""

    def __init__(self, settings: Settings, name: str, url: str, number: int, primary: Server) -> None:
        self.label = f"{name} replica {number}"
        self.fit = False
        self.server = Server(
            name, url, connect_timeout=settings.connect_timeout, statement_timeout=settings.statement_timeout
        )
        self._primary = primary
        self._settings = settings
        self._waiting: dict[int, Any] = {}
        self._wanted = False
        self._thread = BackgroundThread(self.label, self._watch)

    def read(self, condition: str, sql: str, params: Any) -> Any:
        """Return the cursor of `sql`, run after the statement `condition` in one message; raise `Unfit` if one fails.

        An error of `sql` itself is no exception: the primary will find it too.
        """
        thread = threading.get_ident()
        try:
            self._waiting[thread] = self.server.connection()
            return self.server._execute_cursor(f"{condition}; {sql}", params)
        except DATABASE_ERRORS as error:
            if sqlstate(error) == READ_ONLY_SQL_TRANSACTION and self._settings.mode == "test":
                raise
            if self.server.is_lost():
                self.server.discard()
                self.fit = False
                log.warning("%s did not answer: %s", self.label, first_line(error))
            raise Unfit from error
        finally:
            self._waiting.pop(thread, None)

    def want(self) -> bool:
        """Return whether the replica is fit to be asked; sees to it that somebody looks."""
        self._wanted = True
        self._thread.ensure_running()
        return self.fit

    def stop(self) -> None:
        """Look no more, for good."""
        self._thread.stop()

    def _watch(self) -> None:
        # With the pause before it, a look that fails has taken one connect time limit.
        probe = Probe(self.server.url, max(self._settings.connect_timeout - INTERVAL, INTERVAL))
        history: deque[tuple[float, int]] = deque(maxlen=10_000)
        idle = 0.0
        while idle < IDLE and not self._thread.stopped.is_set():
            idle = 0.0 if self._wanted else idle + INTERVAL
            self._wanted = False
            fit = self._look(probe, history)
            if fit != self.fit:
                log.warning("%s is %s", self.label, "in the rotation" if fit else "out of the rotation")
            self.fit = fit
            time.sleep(INTERVAL)
        self.fit = False
        probe.close()
        self._primary.discard()

    def _look(self, probe: Probe, history: deque[tuple[float, int]]) -> bool:
        """Return whether the replica answers and is near enough; `history` has positions of the primary."""
        try:
            written = number_of(self._primary.execute_sql(WRITTEN).fetchone()[0])
        except DATABASE_ERRORS:
            return self.fit  # Nothing to compare with.
        history.append((time.monotonic(), written))
        try:
            replayed = number_of(probe.ask(REPLAYED)[0])
        except (NoAnswer, TypeError):
            self._break_waiting()
            return False
        seconds = seconds_behind(history, replayed)
        return written - replayed <= self._settings.replica_lag_bytes and seconds <= self._settings.replica_lag_seconds

    def _break_waiting(self) -> None:
        for connection in list(self._waiting.values()):
            with suppress(psycopg2.Error, OSError), socket.socket(fileno=os.dup(connection.fileno())) as shared:
                shared.shutdown(socket.SHUT_RDWR)


class Rotation:
    """The replicas of a logical database, which take turns."""

    def __init__(self, settings: Settings, name: str, primary: Server) -> None:
        urls = settings.databases[name].replica_urls
        self.replicas = [Replica(settings, name, url, number, primary) for number, url in enumerate(urls, 1)]
        self._turns = count()

    def __bool__(self) -> bool:
        return bool(self.replicas)

    def next(self) -> Replica | None:
        """Return the next replica that is fit, None if none is."""
        fit = [replica for replica in self.replicas if replica.want()]
        return fit[next(self._turns) % len(fit)] if fit else None

    def release(self) -> None:
        """Give back what this thread holds at the end of a request."""
        for replica in self.replicas:
            replica.server.release()

    def stop(self) -> None:
        """Look at the replicas no more, for good."""
        for replica in self.replicas:
            replica.stop()


def number_of(lsn: str) -> int:
    """Return a position in the write-ahead log as a number of bytes."""
    high, _, low = lsn.partition("/")
    return int(high, 16) << 32 | int(low, 16)


def seconds_behind(history: deque[tuple[float, int]], replayed: int) -> float:
    """Return for how long the primary has been further than `replayed`; forget what is older than that."""
    while len(history) > 1 and history[1][1] <= replayed:
        history.popleft()
    return 0.0 if history[-1][1] <= replayed else time.monotonic() - history[0][0]
