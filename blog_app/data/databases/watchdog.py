"""The watchdog: a thread that ends this process's waits for a database that does not answer.

A frozen server or pooler keeps its connections open and says nothing. libpq waits for it without a limit, and TCP
keepalives do not notice, because the kernel answers them.

Guarantee: a wait ends at most `GRACE` seconds after its limit, the statement timeout. The watchdog shuts the connection
down then, and the waiting thread gets the error of a lost connection. A wait within its limit is never ended, nor one
on another connection that was given the same file descriptor.
"""

from __future__ import annotations

import logging
import math
import os
import socket
import threading
import time
import weakref
from contextlib import suppress
from typing import Any

import psycopg2

from blog_app.data.background_thread import BackgroundThread

log = logging.getLogger(__name__)

GRACE = 2.0
INTERVAL = 0.5


class Wait:
    """What a thread waits for: `with wait:` lasts as long as it waits. It costs no lock and no system call."""

    __slots__ = ("__weakref__", "connection", "is_cut", "limit", "name", "since")

    def __init__(self, name: str, limit: float) -> None:
        self.name = name
        self.limit = limit
        """Seconds that a statement may take; infinite: no limit."""
        self.connection: Any = None
        self.since = 0.0
        """Since when the thread waits, 0: it does not wait."""
        self.is_cut = False
        """Whether the connection was shut down because the wait was too long."""

    def __enter__(self) -> None:
        self.since = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self.since = 0.0

    def watch(self, connection: Any) -> None:
        """Wait on this new connection from now on."""
        self.connection, self.is_cut = connection, False
        if self.since:  # A statement opened it. Connecting has a timeout of its own.
            self.since = time.monotonic()
        _watchdog.add(self)

    def unwatch(self) -> None:
        """Forget the connection, which its owner closes."""
        self.connection = None
        _watchdog.remove(self)

    def cut_if_late(self) -> None:
        """Shut the connection down if the wait has exceeded its limit."""
        since, connection = self.since, self.connection
        if since and connection is not None and time.monotonic() - since > self.limit + GRACE - INTERVAL:
            self.is_cut = True
            log.warning("%s does not answer: a connection is shut down after %.3g s", self.name, self.limit + GRACE)
            shut_down(connection)


class _Watchdog:
    """The thread runs while there are connections: gunicorn's arbiter, which forks, has none once it has started."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        """Begin anew, as after a fork: the connections are the parent's, and it watches them."""
        self._lock = threading.Lock()
        self._waits: weakref.WeakSet[Wait] = weakref.WeakSet()
        self._renew_thread()

    def _renew_thread(self) -> None:
        self._thread = BackgroundThread("database watchdog", self._run, after_fork=self._reset)

    def add(self, wait: Wait) -> None:
        with self._lock:
            self._waits.add(wait)
            self._thread.ensure_running()

    def remove(self, wait: Wait) -> None:
        with self._lock:
            self._waits.discard(wait)

    def _run(self) -> None:
        while True:
            time.sleep(INTERVAL)
            with self._lock:
                waits = list(self._waits)
                if not waits:
                    self._renew_thread()
                    return
            for wait in waits:
                wait.cut_if_late()


_watchdog = _Watchdog()


def shut_down(connection: Any) -> None:
    """Shut a connection down, so that a thread that waits for it gets an error; its owner still has to close it."""
    with suppress(psycopg2.Error, OSError):
        number = connection.fileno()
        with socket.socket(fileno=os.dup(number)) as shared:
            # Raises if the connection was closed meanwhile: `shared` may be a copy of something else then.
            if connection.fileno() == number:
                shared.shutdown(socket.SHUT_RDWR)


def limit_of(statement_timeout: float) -> float:
    """Return the limit for a statement timeout in seconds; 0 means none."""
    return statement_timeout or math.inf
